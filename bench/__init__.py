"""Benchmarks: one file each, see ``__main__``."""
