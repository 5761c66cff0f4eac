"""Assemble a platform from settings, and run its processes."""
