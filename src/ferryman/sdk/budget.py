"""Bound the memory of what one gateway sends."""

import mmap
import threading

from ferryman.sdk.part import MIB

DEFAULT_BUDGET = 96 * MIB
MAX_PARALLEL = 8
SMALL_FILE = 256 * 1024
"""The largest file that is sent in a batch, and takes no part's memory."""
SMALL_COST = 4096
"""Memory of a waiting small file beside its content, in bytes."""


class MemoryBudget:
    """Bounds the memory of the parts being sent, of all streams of a gateway together.

    Only full parts count, never those being filled, so a writer that waits here always waits for
    a part that is going out: streams that share a budget cannot deadlock. Memory is reused for
    the next part, since fresh pages cost more than hashing them.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._parts = 0
        self._held = 0
        self._small = 0
        self._free: list[mmap.mmap] = []
        self._changed = threading.Condition()

    def acquire(self, size: int) -> memoryview:
        """Return memory for a part to be filled; ``release`` takes it back."""
        with self._changed:
            while self._free:
                memory = self._free.pop()
                if len(memory) == size:
                    return memoryview(memory)
        # Anonymous pages go back to the system at once, so memory stays flat as parts grow.
        return memoryview(mmap.mmap(-1, size))

    def take(self, size: int) -> None:
        """Wait until a part of ``size`` bytes fits; a single part always does."""
        with self._changed:
            self._changed.wait_for(lambda: self._fits(size))
            self._held += size
            self._parts += 1

    def release(self, part: memoryview) -> None:
        """Take back the memory of a part, which no thread may read any more."""
        with self._changed:
            self._held -= part.nbytes
            self._parts -= 1
            if isinstance(part.obj, mmap.mmap):
                self._free.append(part.obj)
            self._changed.notify_all()

    def take_small(self, size: int) -> None:
        """Wait until a small file of ``size`` bytes fits; small files share a quarter of it."""
        with self._changed:
            self._changed.wait_for(lambda: self._fits_small(size + SMALL_COST))
            self._held += size + SMALL_COST
            self._small += size + SMALL_COST

    def release_small(self, size: int) -> None:
        """Take back the memory of a small file."""
        with self._changed:
            self._held -= size + SMALL_COST
            self._small -= size + SMALL_COST
            self._changed.notify_all()

    def trim(self) -> None:
        """Free the memory that no part uses; for the end of a stream."""
        with self._changed:
            self._free.clear()

    def _fits(self, size: int) -> bool:
        if self._parts == 0:
            return True
        return self._held + size <= self.limit and self._parts < MAX_PARALLEL

    def _fits_small(self, size: int) -> bool:
        if self._small == 0:
            return True
        return self._small + size <= self.limit // 4 and self._held + size <= self.limit
