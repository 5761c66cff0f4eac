"""Fault injection for an app under test: a worker and a proxy of its own, never part of a platform.

Nothing of the platform imports this package, so no setting can switch it on.
"""
