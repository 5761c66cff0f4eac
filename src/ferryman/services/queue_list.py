"""List the events of an app's queues for the operator."""

from dataclasses import dataclass

from ferryman.clock import epoch_ms
from ferryman.domain.access import PLATFORM, Actor
from ferryman.domain.limits import ADMIN_PAGE, KEY_CHARACTERS
from ferryman.queue_vocab import QueueEventState
from ferryman.services import app as app_service
from ferryman.services.platform import (
    Platform,
    check_text,
    decode_position,
    encode_cursor,
    page_size,
)
from ferryman.store import queue as queue_store
from ferryman.store.queue import QueueEventRow
from ferryman.wire.queue import QueueEventConcurrency, QueueEventEntry, QueueEventPage


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueEventQuery:
    """A filter of events."""

    queue: str | None = None
    job_id: str | None = None
    state: QueueEventState | None = None


async def page(
    platform: Platform,
    name: str,
    which: QueueEventQuery,
    by: Actor = PLATFORM,
    *,
    cursor: str | None,
    size: int | None,
) -> QueueEventPage:
    """Return a page of the events of an app's queues, newest first."""
    limit = page_size(size, default=100, greatest=ADMIN_PAGE)
    for text in (which.queue or "", which.job_id or ""):
        check_text("text", text, longest=KEY_CHARACTERS)
    async with platform.database.reading() as tx:
        app = await app_service.find(tx, name, by.reach)
        query = ("queue_events", app.app_id, which)
        rows = await queue_store.page(
            tx,
            app.app_id,
            before=decode_position(cursor, *query) if cursor else None,
            queue=which.queue,
            job_id=which.job_id,
            state=which.state,
            size=limit + 1,
        )
    more = len(rows) > limit
    position = str(rows[limit - 1].position) if more else None
    return QueueEventPage(
        items=[_entry(row) for row in rows[:limit]],
        next_cursor=None if position is None else encode_cursor(position, *query),
    )


def _entry(row: QueueEventRow) -> QueueEventEntry:
    limit = row.concurrency
    return QueueEventEntry(
        queue_event_id=str(row.event_id),
        site=row.site,
        queue=row.queue,
        job_id=row.job_id,
        state=row.state,
        running=row.running,
        attempts=row.attempts,
        concurrency=None
        if limit is None
        else QueueEventConcurrency(key=limit.key, limit=limit.limit),
        pushed_at=epoch_ms(row.pushed_at),
        due_at=None if row.due_at is None else epoch_ms(row.due_at),
        ended_at=None if row.ended_at is None else epoch_ms(row.ended_at),
        cause=row.cause,
        error=row.error,
        duration_ms=row.duration_ms,
    )
