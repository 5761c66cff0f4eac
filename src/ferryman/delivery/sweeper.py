"""The sweeper: sweep the storage and delete old rows when due, in one worker at a time.

A worker without access to the folder of files only deletes old rows, and only if no other worker
does. The folder may become accessible later.
"""

import asyncio
from datetime import timedelta

import structlog

from ferryman.delivery.draining import Draining
from ferryman.delivery.notifications import repeat
from ferryman.services import sweep as sweep_service
from ferryman.services.platform import Platform

log = structlog.get_logger("ferryman.worker")

_POLL_SECONDS = 60.0
"""The longest wait before checking the timer and the folder of files again."""

_BUSY_SECONDS = 1.0
"""The pause while another process sweeps, or the database is unavailable."""

_RETRY_SECONDS = 30.0
"""The pause after an unexpected error."""


class Sweeper:
    """Sweeps on behalf of one worker."""

    def __init__(self, platform: Platform, stop: asyncio.Event, draining: Draining) -> None:
        self._platform = platform
        self._stop = stop
        self._draining = draining
        self._changed = asyncio.Event()
        self._reaches_files: bool | None = None

    def wake(self) -> None:
        """Poll at once: the clock was moved, or the worker is stopping."""
        self._changed.set()

    async def run(self) -> None:
        """Sweep whenever it is due, until ``stop`` is set."""
        await repeat(
            log,
            "sweep",
            self._draining.unless(self._step, _POLL_SECONDS),
            stop=self._stop,
            woken=self._changed,
            away_seconds=_BUSY_SECONDS,
            retry_seconds=_RETRY_SECONDS,
        )

    async def _step(self) -> float:
        return await (self._sweep() if await self._ready() else self._maintain())

    async def _ready(self) -> bool:
        """Return whether the files are accessible, setting the timer the first time they are."""
        if self._reaches_files:
            return True
        if not await self._platform.objects.is_own():
            if self._reaches_files is None:
                log.warning("sweep.not_here", reason="the files are not in this worker's folder")
            self._reaches_files = False
            return False
        await sweep_service.keep_timer(self._platform)
        self._reaches_files = True
        return True

    async def _sweep(self) -> float:
        wait = await sweep_service.seconds_to_timer(self._platform)
        if wait > 0:
            return min(wait, _POLL_SECONDS)
        return 0.0 if await sweep_service.on_timer(self._platform) else _BUSY_SECONDS

    async def _maintain(self) -> float:
        # Twice the interval of sweeps, which delete old rows as well.
        overdue = timedelta(seconds=2 * self._platform.settings.sweep_seconds)
        await sweep_service.maintain(self._platform, overdue)
        return _POLL_SECONDS
