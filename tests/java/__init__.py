"""Listeners written in Java, run by the agent of ``java/`` against a real platform."""
