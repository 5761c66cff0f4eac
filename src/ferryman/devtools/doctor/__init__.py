"""Checks of an app's folder before anything runs: pure checks over a snapshot of it."""
