"""Bound how many hosts start at once: each takes a core while it imports its modules."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

_LONGEST_SECONDS = 2.0
"""Seconds that a start counts at most: a module that hangs while it is imported needs no core."""


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


class StartGate:
    """Lets ``width`` hosts start at once."""

    def __init__(self, width: int) -> None:
        self._gate = asyncio.Semaphore(width)

    @asynccontextmanager
    async def start(self) -> AsyncIterator[Callable[[], None]]:
        """Wait for a turn; it ends with the call of the callback, the block, or after a while."""
        await self._gate.acquire()
        held = [True]

        def started() -> None:
            if held:
                held.clear()
                self._gate.release()

        timer = asyncio.get_running_loop().call_later(_LONGEST_SECONDS, started)
        try:
            yield started
        finally:
            timer.cancel()
            started()
