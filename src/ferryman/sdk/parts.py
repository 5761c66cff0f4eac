"""How a stream of unknown length is cut into parts, and how much memory that may take."""

import mmap
import threading
from dataclasses import dataclass, replace

from ferryman.wire.upload import UploadView

MIB = 1024 * 1024
DEFAULT_BUDGET = 96 * MIB
MOST_PARALLEL = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class PartPlan:
    """The sizes, in bytes, of the parts of one file.

    The length of a stream is not known when its first part goes, and the number of parts is
    limited. So parts grow: each twentieth of the allowed number is larger by one ``first`` than
    the one before. From 8 MiB, with 10,000 parts, 50 GiB is reached with parts of 40 MiB, and
    820 GiB with the last part. Where that is less than the greatest file, ``first`` is larger.
    """

    first: int
    smallest: int
    largest: int
    max_parts: int

    @classmethod
    def of(cls, view: UploadView) -> "PartPlan":
        """Plan an upload as the platform describes it; its greatest file fits, if any may."""
        plan = cls(
            first=max(view.part_size, 1),
            smallest=view.min_part_size,
            largest=max(view.max_part_size, 1),
            max_parts=view.max_parts,
        )
        while plan.room < (view.max_file_size or 0) and plan.first < plan.largest:
            plan = replace(plan, first=min(plan.first * 2, plan.largest))
        return plan

    @property
    def room(self) -> int:
        """The size of a file of as many parts as there may be."""
        step = max(self.max_parts // 20, 1)
        starts = range(1, self.max_parts + 1, step)
        return sum(self.size(n) * min(step, self.max_parts + 1 - n) for n in starts)

    def size(self, number: int) -> int:
        """Return the size of part ``number`` (from 1); the last part may be shorter."""
        step = max(self.max_parts // 20, 1)
        grown = self.first * (1 + (number - 1) // step)
        return min(max(grown, self.smallest), self.largest)


class Budget:
    """The memory of parts on their way, of all streams of a gateway together.

    Only full parts count, never those being filled, so the writer that waits here always waits
    for a part that is going out: streams that share a budget cannot block each other for good.
    Memory is used again for the next part, since fresh pages cost more than hashing them.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._parts = 0
        self._held = 0
        self._free: list[mmap.mmap] = []
        self._changed = threading.Condition()

    def lend(self, size: int) -> memoryview:
        """Return memory for a part to be filled; ``give`` takes it back."""
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

    def give(self, part: memoryview) -> None:
        """Take back what a part held; nobody may look at it any more."""
        with self._changed:
            self._held -= part.nbytes
            self._parts -= 1
            if isinstance(part.obj, mmap.mmap):
                self._free.append(part.obj)
            self._changed.notify_all()

    def trim(self) -> None:
        """Let go of memory that no part uses; for the end of a stream."""
        with self._changed:
            self._free.clear()

    def _fits(self, size: int) -> bool:
        if self._parts == 0:
            return True
        return self._held + size <= self.limit and self._parts < MOST_PARALLEL
