"""Who gets the next connection of a full pool: callers that wait take turns (ADR 0065)."""

import asyncio
from collections import OrderedDict, deque
from contextvars import ContextVar

CALLER: ContextVar[object] = ContextVar("CALLER", default=None)
"""Whose call this is, such as the id of an app; None for all that no app asked for."""


class Turns:
    """Lends ``size`` turns; every waiting caller gets one before any gets a second.

    A caller with a thousand calls may use all turns while no other caller wants one.
    """

    def __init__(self, size: int) -> None:
        self._free = size
        self._waiting: OrderedDict[object, deque[asyncio.Future[None]]] = OrderedDict()

    async def take(self, seconds: float) -> None:
        """Take a turn, which :meth:`give` returns; raise ``TimeoutError`` after ``seconds``."""
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(CALLER.get(), deque()).append(turn)
        try:
            async with asyncio.timeout(seconds):
                await turn
        except BaseException:
            if not turn.cancelled():  # it came in the same moment
                self.give()
            raise

    def give(self) -> None:
        """Return a turn, to the next who waits for one."""
        while self._waiting:
            caller, turns = self._waiting.popitem(last=False)
            turn = turns.popleft()
            if turns:
                self._waiting[caller] = turns  # behind the others
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
