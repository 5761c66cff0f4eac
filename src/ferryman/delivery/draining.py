"""Track whether this worker is being drained: it finishes what it holds and claims nothing more."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import structlog

log = structlog.get_logger("ferryman.worker")


@dataclass(slots=True)
class Draining:
    """The state that the last heartbeat returned, for all agents of a worker; None: not drained."""

    since: datetime | None = None
    _under_way: int = 0

    def follow(self, since: datetime | None) -> None:
        """Follow the state that a heartbeat returned."""
        if bool(self) != (since is not None):
            log.info("worker.drained" if since else "worker.resumed")
            self.since = since

    def __bool__(self) -> bool:
        """Return whether nothing may be claimed."""
        return self.since is not None

    @property
    def idle(self) -> bool:
        """Return whether no agent takes up anything, nor may any before the worker is resumed."""
        return bool(self) and not self._under_way

    @contextmanager
    def taking(self) -> Iterator[None]:
        """Count an agent as busy while the block runs; enter it only while not drained."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    def unless(
        self, step: Callable[[], Awaitable[float]], pause: float
    ) -> Callable[[], Awaitable[float]]:
        """Return a step that does nothing, and pauses, while the worker is drained."""

        async def guarded() -> float:
            if self:
                return pause
            with self.taking():
                return await step()

        return guarded
