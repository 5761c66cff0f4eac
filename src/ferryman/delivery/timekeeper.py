"""The timekeeper: fire the timers of transfers when they are due.

    poll ──▶ lock each transfer whose timer is due ──▶ decide ──▶ set its next timer
     ▲ NOTIFY, or the next due time

A timer stays due until the transaction it triggers commits, so none is lost if a worker is killed.
Several workers may see the same timer; the first one to lock the row fires it.
"""

import asyncio
from uuid import UUID

import structlog

from ferryman.delivery.draining import Draining
from ferryman.delivery.notifications import repeat
from ferryman.errors import OutsideError
from ferryman.services import transfer as transfer_service
from ferryman.services.platform import Platform
from ferryman.store import timer as timer_store

log = structlog.get_logger("ferryman.worker")

_BATCH = 100
_AT_ONCE = 16

_POLL_SECONDS = 1.0
"""The longest wait before the next poll, since a notification may be lost."""

_LOCKED_SECONDS = 0.05
"""The pause while other sessions have locked all due transfers."""

_AWAY_SECONDS = 0.5
"""The pause while the database is unavailable."""

_RETRY_SECONDS = 30.0
"""The pause before a timer that failed unexpectedly fires again."""


class Timekeeper:
    """Fires timers on behalf of one worker."""

    def __init__(self, platform: Platform, stop: asyncio.Event, draining: Draining) -> None:
        self._platform = platform
        self._stop = stop
        self._draining = draining
        self._changed = asyncio.Event()
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._retry_at: dict[UUID, float] = {}

    def wake(self) -> None:
        """Poll at once: the clock was moved, or the worker is stopping."""
        self._changed.set()

    async def run(self) -> None:
        """Fire timers until ``stop`` is set."""
        await repeat(
            log,
            "timekeeper",
            self._draining.unless(self._fire_due, _POLL_SECONDS),
            stop=self._stop,
            woken=self._changed,
            away_seconds=_AWAY_SECONDS,
            retry_seconds=_POLL_SECONDS,
        )

    async def _fire_due(self) -> float:
        """Fire all due timers; return the seconds until the next poll."""
        async with self._platform.database.reading() as tx:
            timers = await timer_store.first(tx, _BATCH, skipped=self._waiting_for_retry())
        due = [timer.transfer_id for timer in timers if timer.due <= tx.now]
        if due:
            fired = await asyncio.gather(*map(self._fire, due))
            return 0.0 if any(fired) else _LOCKED_SECONDS
        if not timers:
            return _POLL_SECONDS
        return min(_POLL_SECONDS, (timers[0].due - tx.now).total_seconds())

    async def _fire(self, transfer_id: UUID) -> bool:
        async with self._slots:
            try:
                return await transfer_service.on_timer(self._platform, transfer_id)
            except OutsideError as exc:
                log.warning("timer.waits", transfer=str(transfer_id), code=exc.code)
            except Exception:
                log.exception("timer.failed", transfer=str(transfer_id))
                self._retry_at[transfer_id] = asyncio.get_running_loop().time() + _RETRY_SECONDS
        return False

    def _waiting_for_retry(self) -> list[UUID]:
        now = asyncio.get_running_loop().time()
        self._retry_at = {timer_id: at for timer_id, at in self._retry_at.items() if at > now}
        return list(self._retry_at)
