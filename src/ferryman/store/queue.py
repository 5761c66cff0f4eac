"""Events that apps push to queues: rows by app, site and queue (ADR 89)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from ferryman.domain.queue import Concurrency, NewEvent
from ferryman.queue_vocab import QueueEventState
from ferryman.store.database import SQL, Transaction
from ferryman.vocab import FailureCause


@dataclass(frozen=True, slots=True)
class QueueLane:
    """One app's events of one queue, which all go to the same consumer."""

    app_id: UUID
    queue: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStats:
    """How many events of a job succeeded, are not over, and failed."""

    success: int
    in_progress: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueEventRow:
    """An event for the operator, without its body."""

    position: int
    event_id: UUID
    site: str
    queue: str
    job_id: str
    state: QueueEventState
    concurrency: Concurrency | None
    attempts: int
    running: bool
    pushed_at: datetime
    due_at: datetime | None
    ended_at: datetime | None
    cause: FailureCause | None
    error: str | None
    duration_ms: int | None


async def push(
    tx: Transaction,
    lane: QueueLane,
    site: str,
    job_id: str,
    events: Mapping[UUID, NewEvent],
    *,
    chain: int,
) -> bool:
    """Store events and notify the workers; False if the app was never on the site."""
    limits = [event.concurrency for event in events.values()]
    count = await SQL.push_queue_events(
        tx.connection,
        app_id=lane.app_id,
        site=site,
        queue=lane.queue,
        job_id=job_id,
        chain=chain,
        now=tx.now,
        ids=list(events),
        bodies=[event.body for event in events.values()],
        delays=[event.delay for event in events.values()],
        keys=[None if each is None else each.key for each in limits],
        limits=[None if each is None else each.limit for each in limits],
    )
    return count is not None


async def stats(tx: Transaction, lane: QueueLane, site: str, job_id: str) -> JobStats | None:
    """Count a job's events; None if there are none."""
    row = await SQL.job_stats(
        tx.connection, app_id=lane.app_id, site=site, queue=lane.queue, job_id=job_id
    )
    if not row["events"]:
        return None
    return JobStats(success=row["success"], in_progress=row["in_progress"], failed=row["failed"])


async def cancel(tx: Transaction, lane: QueueLane, site: str, job_id: str) -> bool:
    """Cancel what has not started of a job; False if there is no such job."""
    count = await SQL.cancel_job(
        tx.connection, app_id=lane.app_id, site=site, queue=lane.queue, job_id=job_id, now=tx.now
    )
    return bool(count)


async def page(
    tx: Transaction,
    app_id: UUID,
    *,
    before: int | None,
    queue: str | None,
    job_id: str | None,
    state: QueueEventState | None,
    size: int,
) -> list[QueueEventRow]:
    """Return up to ``size`` events of an app, newest first."""
    rows = SQL.page_of_queue_events(
        tx.connection,
        app_id=app_id,
        before=before,
        queue=queue,
        job_id=job_id,
        state=state,
        size=size,
    )
    return [
        QueueEventRow(
            position=row["position"],
            event_id=row["queue_event_id"],
            site=row["site"],
            queue=row["queue"],
            job_id=row["job_id"],
            state=QueueEventState(row["state"]),
            concurrency=concurrency_of(row["concurrency_key"], row["concurrency_limit"]),
            attempts=row["attempts"],
            running=row["running"],
            pushed_at=row["pushed_at"],
            due_at=row["due_at"],
            ended_at=row["ended_at"],
            cause=None if row["cause"] is None else FailureCause(row["cause"]),
            error=row["error"],
            duration_ms=row["duration_ms"],
        )
        async for row in rows
    ]


async def purge(tx: Transaction, app_site_ids: Sequence[int], size: int) -> int:
    """Delete up to ``size`` events of these sites, in any state; return their number."""
    return int(
        await SQL.purge_queue_events(tx.connection, app_site_ids=list(app_site_ids), size=size)
    )


async def remove_ended(tx: Transaction, kept: timedelta, size: int) -> int:
    """Delete up to ``size`` events that ended more than ``kept`` ago; return their number."""
    return int(await SQL.remove_ended_queue_events(tx.connection, before=tx.now - kept, size=size))


def concurrency_of(key: str | None, limit: int | None) -> Concurrency | None:
    """Return the limit of an event; None if it has none."""
    return None if key is None or limit is None else Concurrency(key=key, limit=limit)
