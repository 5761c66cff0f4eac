"""The workers' queries on queues: claim events that are due and save the results of attempts."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ferryman.domain.queue import Concurrency
from ferryman.queue_vocab import QueueEventState
from ferryman.store.database import SQL, Transaction
from ferryman.store.queue import QueueLane, concurrency_of
from ferryman.vocab import FailureCause

NOTIFICATION = "queue"
"""NOTIFY payload on the workers' channel: a queue may have events that are due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedEvent:
    """An event this worker delivers now, as attempt ``number``; ``body`` is JSON."""

    event_id: UUID
    lane: QueueLane
    site: str
    job_id: str
    body: bytes
    delay: float | None
    concurrency: Concurrency | None
    chain: int
    number: int
    retry_count: int
    retry_context: str | None
    pushed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenEvent:
    """A locked event, as its rules see it; ``limited``: others may wait for it to end."""

    worker_id: UUID | None
    attempts: int
    cancelled: bool
    pushed_at: datetime
    limited: bool
    retry_context: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventUpdate:
    """The effect of an attempt on its event; ``asked``: the function asked to be called again."""

    state: QueueEventState
    due: datetime | None
    cause: FailureCause | None = None
    error: str | None = None
    duration_ms: int | None = None
    asked: bool = False
    retry_context: str | None = None


async def due_queues(tx: Transaction) -> dict[QueueLane, datetime]:
    """Return when the first event of each queue may be delivered, in the past or the future."""
    rows = SQL.due_queues(tx.connection)
    return {QueueLane(row["app_id"], row["queue"]): row["due_at"] async for row in rows}


async def claim(
    tx: Transaction, worker_id: UUID, quotas: Mapping[QueueLane, int]
) -> list[ClaimedEvent]:
    """Claim due events, up to the given number per queue."""
    await SQL.hold_queue_claims(tx.connection)
    rows = SQL.claim_queue_events(
        tx.connection,
        app_ids=[lane.app_id for lane in quotas],
        queues=[lane.queue for lane in quotas],
        quotas=list(quotas.values()),
        worker_id=worker_id,
        now=tx.now,
    )
    return [
        ClaimedEvent(
            event_id=row["queue_event_id"],
            lane=QueueLane(row["app_id"], row["queue"]),
            site=row["site"],
            job_id=row["job_id"],
            body=row["body"],
            delay=row["delay_seconds"],
            concurrency=concurrency_of(row["concurrency_key"], row["concurrency_limit"]),
            chain=row["chain"],
            number=row["attempts"],
            retry_count=row["retry_count"],
            retry_context=row["retry_context"],
            pushed_at=row["pushed_at"],
        )
        async for row in rows
    ]


async def lock(tx: Transaction, event_ids: Collection[UUID]) -> dict[UUID, OpenEvent]:
    """Lock these events and return them by id."""
    rows = SQL.lock_queue_events(tx.connection, ids=list(event_ids))
    return {
        row["queue_event_id"]: OpenEvent(
            worker_id=row["worker_id"],
            attempts=row["attempts"],
            cancelled=row["cancelled"],
            pushed_at=row["pushed_at"],
            limited=row["concurrency_key"] is not None,
            retry_context=row["retry_context"],
        )
        async for row in rows
    }


async def save(tx: Transaction, event_id: UUID, ended: EventUpdate) -> None:
    """Write the decisions of the rules."""
    await SQL.save_queue_event(
        tx.connection,
        id=event_id,
        state=ended.state,
        due=ended.due,
        ended=None if ended.state is QueueEventState.PENDING else tx.now,
        cause=ended.cause,
        error=ended.error,
        duration=ended.duration_ms,
        asked=int(ended.asked),
        context=ended.retry_context,
    )


async def release(tx: Transaction, worker_id: UUID, event: ClaimedEvent) -> None:
    """Undo a claim of this worker: the attempt was not begun."""
    await SQL.release_queue_event(
        tx.connection, id=event.event_id, worker_id=worker_id, number=event.number
    )


async def orphans(
    tx: Transaction, worker_id: UUID, held: Collection[UUID], size: int
) -> dict[UUID, int]:
    """Return claimed events, with their attempts, whose worker is gone."""
    rows = SQL.orphaned_queue_events(tx.connection, worker_id=worker_id, held=list(held), size=size)
    return {row["queue_event_id"]: row["attempts"] async for row in rows}


async def notify_workers(tx: Transaction) -> None:
    """Notify all workers on commit to check the queues."""
    await SQL.notify_queues(tx.connection)


async def seconds_to_next(tx: Transaction) -> float | None:
    """Return seconds of platform time until the next event is due, or None if there is none."""
    due = await due_queues(tx)
    return min(((at - tx.now).total_seconds() for at in due.values()), default=None)


async def work_due(tx: Transaction) -> bool:
    """Return whether any event is due or being delivered; in this order, as for messages."""
    seconds = await seconds_to_next(tx)
    if seconds is not None and seconds <= 0:
        return True
    return bool(await SQL.queue_events_in_flight(tx.connection))
