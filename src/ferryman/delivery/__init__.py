"""Deliver messages to cloud apps: the worker, and one sender per kind of target."""
