"""Run long work once for all callers that ask for it at the same time (single flight)."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

import structlog

log = structlog.get_logger("ferryman.once")

T = TypeVar("T")


class SingleFlight:
    """The work running in this process, by key; callers of the same key share one run."""

    def __init__(self) -> None:
        self._running: dict[Hashable, asyncio.Future[Any]] = {}

    async def do(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """Return or raise the result of the work under ``key``, starting it unless it runs.

        A caller that disconnects does not cancel the work.
        """
        running = self._running.get(key)
        if running is None:
            running = self._running[key] = asyncio.ensure_future(work())
            running.add_done_callback(lambda done: self._end(key, done))
        result: T = await asyncio.shield(running)
        return result

    def _end(self, key: Hashable, done: asyncio.Future[Any]) -> None:
        del self._running[key]
        # Retrieve the exception here, since all callers may have disconnected.
        if not done.cancelled() and (failure := done.exception()):
            log.info("work.failed", about=str(key), error=type(failure).__name__)
