"""How often open pages are made again: many consoles must not slow what they watch."""

import asyncio
from time import monotonic

SHARE = 0.2
"""The part of the time that this process makes pages which were only asked for again."""

LONGEST_REST = 0.2


class Pace:
    """One page at a time, each followed by a rest in proportion; pages that people open don't wait.

    Whoever asks again sees by the answer's time how busy it is, and asks less often.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._free = 0.0
        self._began = 0.0

    async def __aenter__(self) -> None:
        await self._turn.acquire()
        try:
            await asyncio.sleep(max(0.0, self._free - monotonic()))
        except BaseException:
            self._turn.release()
            raise
        self._began = monotonic()

    async def __aexit__(self, *_: object) -> None:
        now = monotonic()
        self._free = now + min(LONGEST_REST, (now - self._began) * (1 / SHARE - 1))
        self._turn.release()
