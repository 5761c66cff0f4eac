"""Claim queued notices and record their results; each is sent at least once (ADR 97)."""

from collections.abc import Callable
from datetime import timedelta

import structlog

from ferryman.domain.limits import NOTICE_PATIENCE, NOTICE_SECONDS
from ferryman.services.platform import Platform
from ferryman.store import notice_sink as sink_store
from ferryman.store.notice_sink import Telling

log = structlog.get_logger("ferryman.notice")

_LEASE = timedelta(seconds=4 * NOTICE_SECONDS)
_ERROR_CHARACTERS = 300


async def claim(platform: Platform) -> list[Telling]:
    """Claim what is due: one notice for each sink that none is being sent to."""
    async with platform.database.transaction() as tx:
        return await sink_store.claim(tx, _LEASE)


async def record(
    platform: Platform, telling: Telling, error: str | None, delay: Callable[[int], timedelta]
) -> None:
    """Record an attempt; one that failed is due again after a delay, for a day.

    A trial is made once.
    """
    error = None if error is None else " ".join(error.split())[:_ERROR_CHARACTERS]
    async with platform.database.transaction() as tx:
        late = telling.notice is None or tx.now - telling.queued_at > NOTICE_PATIENCE
        due_at = None if error is None or late else tx.now + delay(telling.attempt)
        told_at = tx.now if error is None else None
        await sink_store.end(tx, telling.telling_id, due_at=due_at, told_at=told_at, error=error)
    facts = {
        "sink": telling.sink_name,
        "telling": str(telling.telling_id),
        "part": telling.part.value,
        "number": telling.attempt,
    }
    if error is None:
        log.info("notice.told", **facts)
    else:
        log.warning("notice.untold", error=error, given_up=due_at is None, **facts)
