"""Programs for working on Ferryman itself; not part of the package."""
