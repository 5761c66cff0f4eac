"""Recordings of transfers as files: written, read with suspicion, made anonymous, compared."""
