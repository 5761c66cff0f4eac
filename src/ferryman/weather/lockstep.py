"""Deliveries at the same time, call by call, so that what can come between two of them does."""

import asyncio

from ferryman.services.platform import passed

_PATIENCE_SECONDS = 3.0
"""For a copy that makes no call, such as one that waits for a lock of the other's."""


class Lockstep:
    """Copies of events under way together: a call of one waits until each of them has one.

    One that waits for another's end would make all wait: then they go on freely.
    """

    def __init__(self, members: set[int]) -> None:
        self._running = set(members)
        self._met: set[int] = set()
        self._round = asyncio.Event()
        self._free = len(members) < 2

    async def meet(self, member: int) -> None:
        """Wait until every other one has come to a call, or has ended."""
        if self._free or member not in self._running:
            return
        self._met.add(member)
        mine = self._round
        self._turn()
        if not await passed(mine, _PATIENCE_SECONDS):
            self._free = True
            mine.set()

    def left(self, member: int) -> None:
        """It ended."""
        self._running.discard(member)
        self._met.discard(member)
        self._turn()

    def _turn(self) -> None:
        if self._met and self._met >= self._running:
            self._met.clear()
            self._round.set()
            self._round = asyncio.Event()
