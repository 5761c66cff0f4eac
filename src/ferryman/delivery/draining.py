"""Whether this worker is being drained: it finishes what it holds, and claims nothing more."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

log = structlog.get_logger("ferryman.worker")


@dataclass(slots=True)
class Draining:
    """What the last heartbeat said, for all agents of a worker; None: it works."""

    since: datetime | None = None

    def follow(self, since: datetime | None) -> None:
        """Take what a heartbeat said."""
        if bool(self) != (since is not None):
            log.info("worker.drained" if since else "worker.resumed")
        self.since = since

    def __bool__(self) -> bool:
        """Return whether nothing may be claimed."""
        return self.since is not None

    def unless(
        self, step: Callable[[], Awaitable[float]], pause: float
    ) -> Callable[[], Awaitable[float]]:
        """Return a step that does nothing, and pauses, while the worker is drained."""

        async def guarded() -> float:
            return pause if self else await step()

        return guarded
