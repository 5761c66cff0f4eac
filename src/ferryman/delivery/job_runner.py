"""The job runner: do the items of running jobs, beside other workers."""

import asyncio

import structlog

from ferryman.delivery.draining import Draining
from ferryman.delivery.notifications import repeat
from ferryman.services import job_run
from ferryman.services.platform import Platform

log = structlog.get_logger("ferryman.worker")

_POLL_SECONDS = 1.0
"""How long a started job may wait for its first item."""

_RETRY_SECONDS = 5.0
"""The pause after an unexpected error."""


class JobRunner:
    """Does items on behalf of one worker."""

    def __init__(self, platform: Platform, stop: asyncio.Event, draining: Draining) -> None:
        self._platform = platform
        self._stop = stop
        self._draining = draining
        self._changed = asyncio.Event()

    def wake(self) -> None:
        """Poll at once: the worker is stopping."""
        self._changed.set()

    async def run(self) -> None:
        """Do items until ``stop`` is set."""
        await repeat(
            log,
            "job",
            self._draining.unless(self._step, _POLL_SECONDS),
            stop=self._stop,
            woken=self._changed,
            away_seconds=_POLL_SECONDS,
            retry_seconds=_RETRY_SECONDS,
        )

    async def _step(self) -> float:
        return 0.0 if await job_run.step(self._platform) else _POLL_SECONDS
