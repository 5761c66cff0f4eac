"""Putting the parts together: a platform from settings, and the processes it runs in."""
