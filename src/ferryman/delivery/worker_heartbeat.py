"""The heartbeat: report that this worker is alive and look at what is due, beside the claims.

The dispatcher begins each. While it waits for a claim that takes long, they go on by themselves.
No event waits for it. Other workers take over from one that is silent for ``heartbeat_seconds``,
so claims begin and are sent only for so long after the last one.
"""

import asyncio
from collections.abc import Awaitable, Callable

_POLL_SECONDS = 1.0
"""The longest wait before all lanes are checked: a notification may have been lost."""


class WorkerHeartbeat:
    """Calls ``beat`` when it is due, one at a time, and ``ended`` after each.

    ``beat`` returns the seconds until the next; ``timeout`` are those after which others count this
    worker as silent.
    """

    def __init__(
        self, beat: Callable[[], Awaitable[float]], ended: Callable[[], None], timeout: float
    ) -> None:
        self._beat, self._ended, self._timeout = beat, ended, timeout
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[float] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._next = self._alive = float("-inf")

    def wake(self) -> None:
        """Ask for another one, also after one that is under way and may have looked already."""
        self._next = float("-inf")

    def alive(self, since: float) -> None:
        """Note that the database recorded this worker as alive, no earlier than ``since``."""
        self._alive = since

    @property
    def under_way(self) -> bool:
        """Whether one has begun whose end was not checked yet."""
        return self._task is not None

    @property
    def due(self) -> bool:
        """Whether the next one may begin."""
        return self._task is None and self._loop.time() >= self._next

    def begin(self) -> None:
        """Begin the next one."""
        # Set before it looks: a notification during the look asks for another one.
        self._next = self._loop.time() + self.longest
        self._task = asyncio.create_task(self._run())
        self._watch(2 * self.longest)

    def _watch(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._overdue)

    def _overdue(self) -> None:
        """Begin the next one, as nobody did: others would take over what this worker sends."""
        last = self._task
        if last is None or (last.done() and last.exception() is None):
            self.begin()
        else:
            self._watch(self.longest)

    def check(self) -> None:
        """Raise the error of the last one, if it ended with one."""
        if self._task is not None and self._task.done():
            task, self._task = self._task, None
            self._next = min(self._next, self._loop.time() + task.result())

    @property
    def longest(self) -> float:
        """The longest pause between two, in seconds."""
        return min(_POLL_SECONDS, self._timeout / 4)

    @property
    def pause(self) -> float:
        """Seconds until the next one is due; the end of one under way calls ``ended``."""
        return self.longest if self._task is not None else self._next - self._loop.time()

    @property
    def lets_claim(self) -> bool:
        """Whether the last one is recent enough for a claim to begin."""
        return self._loop.time() < self._alive + self._timeout / 2

    @property
    def claim_ends(self) -> float:
        """The loop's time until which a message that is claimed now may be sent."""
        return min(self._loop.time() + self._timeout / 2, self._alive + self._timeout * 3 / 4)

    async def finish(self, seconds: float) -> None:
        """Begin no other, and wait for one that is under way, for so long; end it then."""
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=seconds)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> float:
        try:
            return await self._beat()
        finally:
            self._loop.call_soon(self._ended)
