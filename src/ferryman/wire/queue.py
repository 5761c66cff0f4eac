"""What `@forge/events` sends and reads, and the events of queues for the operator."""

from typing import Any

import msgspec
from msgspec import Raw

from ferryman.queue_vocab import QueueEventState
from ferryman.vocab import FailureCause
from ferryman.wire.base import Wire


class PushedConcurrency(msgspec.Struct, frozen=True):
    """How many events with a key may run at once."""

    key: str
    limit: int


class PushedEvent(msgspec.Struct, frozen=True, rename="camel"):
    """One event of a push, from version 2 of the package on."""

    body: Raw
    delay_in_seconds: float | str | None = None
    concurrency: PushedConcurrency | None = None


class Push(msgspec.Struct, frozen=True, rename="camel"):
    """A push; version 1 of the package sends bodies alone, and one delay for all of them."""

    queue_name: str
    job_id: str
    payload: list[Raw]
    schema: str = ""
    delay_in_seconds: float | str | None = None


class JobCall(msgspec.Struct, frozen=True, rename="camel"):
    """A call for one job."""

    queue_name: str
    job_id: str


class JobCounts(msgspec.Struct, frozen=True, rename="camel"):
    """The events of a job, by what became of them."""

    success: int
    in_progress: int
    failed: int


class QueueProblem(msgspec.Struct, frozen=True, rename="camel"):
    """A refusal as the package reads it: one or the other text, depending on the status."""

    code: str
    message: str
    error_message: str


class RetentionWindow(Wire, frozen=True):
    """Since when an event is retried (ISO 8601), and for how much longer it will be."""

    start_time: str
    remaining_time_ms: int


class RetryContext(Wire, frozen=True, omit_defaults=True):
    """Why a consumer gets an event again: what it returned, or what became of its last call."""

    retry_count: int
    retry_reason: str
    retention_window: RetentionWindow
    retry_data: Any | msgspec.UnsetType = msgspec.UNSET


class ConsumerEvent(Wire, frozen=True, omit_defaults=True):
    """The first argument of a consumer's function; ``body`` is what was pushed.

    No ``retryContext`` on the first call. A consumer with a resolver gets another form.
    """

    queue_name: str
    job_id: str
    event_id: str
    body: Any
    delay_in_seconds: float | msgspec.UnsetType = msgspec.UNSET
    concurrency: PushedConcurrency | msgspec.UnsetType = msgspec.UNSET
    retry_context: RetryContext | msgspec.UnsetType = msgspec.UNSET


class QueueEventConcurrency(Wire, frozen=True):
    """At most so many events with this key run at once, in all queues of the app on the site."""

    key: str
    limit: int


class QueueEventEntry(Wire, frozen=True):
    """An event of a queue, without its body. Times are epoch milliseconds.

    ``dueAt`` is when the next attempt may begin, null once the event is over; ``running`` says
    whether an attempt runs. ``cause`` and ``error`` are of the last attempt that failed.
    """

    queue_event_id: str
    site: str
    queue: str
    job_id: str
    state: QueueEventState
    running: bool
    attempts: int
    concurrency: QueueEventConcurrency | None
    pushed_at: int
    due_at: int | None
    ended_at: int | None
    cause: FailureCause | None
    error: str | None
    duration_ms: int | None


class QueueEventPage(Wire, frozen=True):
    """Events of an app's queues, newest first."""

    items: list[QueueEventEntry]
    next_cursor: str | None = None
