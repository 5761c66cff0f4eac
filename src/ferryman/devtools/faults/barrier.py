"""Run simultaneous deliveries call by call, so that their calls interleave."""

import asyncio

from ferryman.services.platform import wait_for_event

_PATIENCE_SECONDS = 3.0
"""The wait for a copy that makes no call, such as one waiting for a lock of the other."""


class Barrier:
    """A barrier between copies of events: a call of one waits until each of them makes one.

    If a copy waits for another one to end, all are released and run freely.
    """

    def __init__(self, members: set[int]) -> None:
        self._running = set(members)
        self._met: set[int] = set()
        self._round = asyncio.Event()
        self._free = len(members) < 2

    async def wait(self, member: int) -> None:
        """Wait until every other copy has made a call or has ended."""
        if self._free or member not in self._running:
            return
        self._met.add(member)
        mine = self._round
        self._release()
        if not await wait_for_event(mine, _PATIENCE_SECONDS):
            self._free = True
            mine.set()

    def leave(self, member: int) -> None:
        """Note that a copy has ended."""
        self._running.discard(member)
        self._met.discard(member)
        self._release()

    def _release(self) -> None:
        if self._met and self._met >= self._running:
            self._met.clear()
            self._round.set()
            self._round = asyncio.Event()
