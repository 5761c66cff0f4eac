"""The rules of queues: what an app may push, and what follows from an attempt (ADR 89)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ferryman import refusals
from ferryman.domain import limits
from ferryman.queue_vocab import QueueEventState
from ferryman.vocab import FailureCause

RETRY_REASONS = {
    FailureCause.FUNCTION_TIMED_OUT: "FUNCTION_TIME_OUT",
    FailureCause.FUNCTION_OUT_OF_MEMORY: "FUNCTION_OUT_OF_MEMORY",
}
"""Forge's words for failures that a function did not ask a retry for."""

OTHER_REASON = "FUNCTION_PLATFORM_UNKNOWN_ERROR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Concurrency:
    """At most ``limit`` events with this key run at once, in all queues of an app on a site."""

    key: str
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event to push: ``body`` is its JSON, ``delay`` in seconds, ``size`` that of all of it."""

    body: bytes
    size: int
    delay: float | None = None
    concurrency: Concurrency | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventEnd:
    """The state of an event after an attempt; ``due`` is set if there will be another one."""

    state: QueueEventState
    due: datetime | None = None


def check_push(events: Sequence[NewEvent], size: int, *, seconds: float, chain: int) -> None:
    """Refuse a push that Forge would refuse.

    ``size`` is the size of all events as JSON, ``seconds`` the consumer's time limit, and ``chain``
    the number of pushes that led to this one.
    """
    if not events:
        raise refusals.queue.NO_EVENTS(limit=limits.QUEUE_EVENTS)
    if len(events) > limits.QUEUE_EVENTS:
        raise refusals.queue.TOO_MANY_EVENTS(limit=limits.QUEUE_EVENTS, count=len(events))
    if size > limits.QUEUE_BYTES:
        raise refusals.queue.TOO_LARGE(limit=limits.QUEUE_BYTES, size=size)
    if chain > limits.QUEUE_CHAIN:
        raise refusals.queue.CHAIN_TOO_LONG(limit=limits.QUEUE_CHAIN)
    for event in events:
        if seconds > limits.CONSUMER_SECONDS and event.size > limits.QUEUE_LONG_EVENT_BYTES:
            raise refusals.queue.EVENT_TOO_LARGE(
                limit=limits.QUEUE_LONG_EVENT_BYTES, size=event.size, seconds=seconds
            )
        if event.delay is not None and not 0 <= event.delay <= limits.QUEUE_DELAY_SECONDS:
            raise refusals.queue.DELAY_INVALID(limit=limits.QUEUE_DELAY_SECONDS, delay=event.delay)
        if event.concurrency is not None and event.concurrency.limit < 1:
            raise refusals.queue.CONCURRENCY_INVALID(limit=event.concurrency.limit)


def end_attempt(
    *,
    pushed_at: datetime,
    now: datetime,
    delivered: bool,
    cancelled: bool,
    delay: timedelta,
) -> EventEnd:
    """Apply the end of an attempt; ``delay`` is the pause before the next one.

    An event is retried until its window ends; a retry that would come later is not made. An event
    that has been cancelled is not retried.
    """
    if delivered:
        return EventEnd(state=QueueEventState.DONE)
    if cancelled:
        return EventEnd(state=QueueEventState.CANCELLED)
    if now + delay > pushed_at + limits.QUEUE_WINDOW:
        return EventEnd(state=QueueEventState.FAILED)
    return EventEnd(state=QueueEventState.PENDING, due=now + delay)


def retry_reason(cause: FailureCause | None) -> str:
    """Return Forge's word for a failure."""
    return OTHER_REASON if cause is None else RETRY_REASONS.get(cause, OTHER_REASON)
