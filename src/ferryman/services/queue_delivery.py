"""Claim the events of queues for workers, and record their results (ADR 89).

As with messages, a claim names the worker that holds an event before its consumer is called, and
another worker takes the claim over once that one is gone. So an event is delivered at least once.
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from ferryman.domain import queue as queue_rules
from ferryman.domain.outcome import Outcome, failed
from ferryman.functions.routes import ConsumerRoute
from ferryman.queue_vocab import QueueEventState
from ferryman.services.platform import Platform
from ferryman.services.queue import no_consumer, route_of
from ferryman.services.routing import why_no_route
from ferryman.store import app as app_store
from ferryman.store import queue_delivery as queue_delivery_store
from ferryman.store.app import AppRow
from ferryman.store.database import Transaction
from ferryman.store.queue import QueueLane
from ferryman.store.queue_delivery import ClaimedEvent, EventUpdate, OpenEvent
from ferryman.vocab import FailureCause

log = structlog.get_logger("ferryman.queue")

_AT_ONCE = 100
_DIED = failed(
    "during",
    FailureCause.WORKER_DIED,
    "the process that made this attempt died before its outcome was known",
    duration=0.0,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDelivery:
    """A claimed event, and the function to call with it."""

    event: ClaimedEvent
    app: AppRow
    route: ConsumerRoute
    claimed_at: datetime


async def due(platform: Platform) -> tuple[dict[QueueLane, datetime], datetime]:
    """Return when the first event of each queue is due, and the platform's time."""
    async with platform.database.reading() as tx:
        return await queue_delivery_store.due_queues(tx), tx.now


async def claim(
    platform: Platform, worker_id: UUID, quotas: Mapping[QueueLane, int]
) -> list[QueueDelivery]:
    """Claim due events, up to the quota of each queue, and return their deliveries.

    Events for which the app has no consumer any more end here.
    """
    deliveries: list[QueueDelivery] = []
    async with platform.database.transaction() as tx:
        claimed = await queue_delivery_store.claim(tx, worker_id, quotas)
        apps = await app_store.by_ids(tx, {each.lane.app_id for each in claimed})
        by_id = {app.app_id: app for app in apps}
        for event in claimed:
            app = by_id[event.lane.app_id]
            route = None if app.removed_at else route_of(platform, app, event.lane.queue)
            if route is None:
                await queue_delivery_store.save(tx, event.event_id, _gone(app, event.lane.queue))
            else:
                deliveries.append(
                    QueueDelivery(event=event, app=app, route=route, claimed_at=tx.now)
                )
    return deliveries


async def record(
    platform: Platform, worker_id: UUID, event: ClaimedEvent, outcome: Outcome, delay: timedelta
) -> None:
    """Write the outcome of an attempt; nothing if another worker took the event over."""
    async with platform.database.transaction() as tx:
        locked = (await queue_delivery_store.lock(tx, [event.event_id])).get(event.event_id)
        if locked is None or (locked.worker_id, locked.attempts) != (worker_id, event.number):
            return
        await _end(tx, event.event_id, locked, outcome, delay)


async def release(platform: Platform, worker_id: UUID, event: ClaimedEvent) -> None:
    """Give back an event whose attempt was not begun."""
    async with platform.database.transaction() as tx:
        await queue_delivery_store.release(tx, worker_id, event)
        await queue_delivery_store.notify_workers(tx)


async def rescue(
    platform: Platform,
    worker_id: UUID,
    held: Collection[UUID],
    pause: Callable[[UUID, int], timedelta],
) -> int:
    """Free the events of dead workers, and those that this worker lost track of.

    ``pause`` gives the delay after a number of failures. Returns the number of events.
    """
    async with platform.database.reading() as tx:
        lost = await queue_delivery_store.orphans(tx, worker_id, held, _AT_ONCE)
    if not lost:
        return 0
    async with platform.database.transaction() as tx:
        locked = await queue_delivery_store.lock(tx, lost)
        # Again: one of them may have ended, or been claimed by another worker, meanwhile.
        still = await queue_delivery_store.orphans(tx, worker_id, held, _AT_ONCE)
        for event_id in lost.keys() & locked.keys() & still.keys():
            number = locked[event_id].attempts
            log.warning("queue.attempt_lost", queue_event=str(event_id), number=number)
            await _end(tx, event_id, locked[event_id], _DIED, pause(event_id, number - 1))
    return len(lost)


async def _end(
    tx: Transaction, event_id: UUID, locked: OpenEvent, outcome: Outcome, delay: timedelta
) -> None:
    ended = queue_rules.end_attempt(
        pushed_at=locked.pushed_at,
        now=tx.now,
        delivered=outcome.ok,
        cancelled=locked.cancelled,
        delay=delay,
    )
    update = EventUpdate(
        state=ended.state,
        due=ended.due,
        cause=outcome.cause,
        error=outcome.error,
        duration_ms=round(outcome.duration * 1000),
        asked=outcome.cause is FailureCause.RETRY_REQUESTED,
        retry_context=None if ended.due is None else _context(locked, outcome),
    )
    await queue_delivery_store.save(tx, event_id, update)
    if locked.limited:
        await queue_delivery_store.notify_workers(tx)  # others may wait for its place


def _context(locked: OpenEvent, outcome: Outcome) -> str:
    """Return the retry context of the next call: the reason, and the function's last data."""
    if outcome.retry_context is not None:
        return outcome.retry_context
    before = json.loads(locked.retry_context) if locked.retry_context else {}
    return json.dumps({**before, "retryReason": queue_rules.retry_reason(outcome.cause)})


def _gone(app: AppRow, queue: str) -> EventUpdate:
    why = why_no_route(app) if app.removed_at else no_consumer(app, queue)
    return EventUpdate(
        state=QueueEventState.FAILED, due=None, cause=FailureCause.HANDLER_MISSING, error=why
    )
