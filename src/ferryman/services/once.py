"""Long work that several callers may ask for, and that none of them has to stay for."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

import structlog

log = structlog.get_logger("ferryman.once")

T = TypeVar("T")


class Once:
    """What runs in this process, by what it is about; whoever asks meanwhile joins it."""

    def __init__(self) -> None:
        self._running: dict[Hashable, asyncio.Future[Any]] = {}

    async def do(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """Return, or raise, what the work under ``key`` gives; it is begun unless it runs.

        A caller that goes away does not end it.
        """
        running = self._running.get(key)
        if running is None:
            running = self._running[key] = asyncio.ensure_future(work())
            running.add_done_callback(lambda done: self._end(key, done))
        result: T = await asyncio.shield(running)
        return result

    def _end(self, key: Hashable, done: asyncio.Future[Any]) -> None:
        del self._running[key]
        # Asked for here, since all callers may be gone.
        if not done.cancelled() and (failure := done.exception()):
            log.info("work.failed", about=str(key), error=type(failure).__name__)
