"""How a backup or a restore tells its progress."""

from collections.abc import Callable
from contextlib import AbstractContextManager

Meter = Callable[[int], AbstractContextManager[Callable[[int, bool], None]]]
"""Given the bytes in all, yields what counts bytes, and whether they moved."""
