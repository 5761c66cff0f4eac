"""Recordings of transfers as files: write, check, redact, replay and compare them."""
