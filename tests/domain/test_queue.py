"""The rules of queues: what a push may hold, and what follows from an attempt."""

from datetime import UTC, datetime, timedelta

import pytest

from ferryman.domain import queue as queue_rules
from ferryman.domain.limits import QUEUE_BYTES, QUEUE_CHAIN, QUEUE_LONG_EVENT_BYTES, QUEUE_WINDOW
from ferryman.domain.queue import Concurrency, NewEvent
from ferryman.errors import PlatformError
from ferryman.queue_vocab import QueueEventState
from ferryman.vocab import FailureCause

PUSHED = datetime(2026, 1, 1, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
SMALL = NewEvent(body=b"{}", size=10)


@pytest.mark.parametrize(
    ("events", "size", "seconds", "chain"),
    [
        ([SMALL], 10, 55, 0),
        ([SMALL] * 50, QUEUE_BYTES, 55, QUEUE_CHAIN),
        ([NewEvent(body=b"{}", size=QUEUE_BYTES)], QUEUE_BYTES, 55, 0),
        ([NewEvent(body=b"{}", size=QUEUE_LONG_EVENT_BYTES)], QUEUE_BYTES, 900, 0),
        ([NewEvent(body=b"{}", size=10, delay=0.0)], 10, 55, 0),
        ([NewEvent(body=b"{}", size=10, delay=900)], 10, 55, 0),
    ],
)
def test_a_push_at_its_limits_passes(
    events: list[NewEvent], size: int, seconds: float, chain: int
) -> None:
    queue_rules.check_push(events, size, seconds=seconds, chain=chain)


@pytest.mark.parametrize(
    ("events", "size", "seconds", "chain", "code"),
    [
        ([], 2, 55, 0, "queue_no_events"),
        ([SMALL] * 51, 510, 55, 0, "queue_too_many_events"),
        ([SMALL], QUEUE_BYTES + 1, 55, 0, "queue_payload_too_large"),
        ([SMALL], 10, 55, QUEUE_CHAIN + 1, "queue_chain_too_long"),
        (
            [NewEvent(body=b"{}", size=QUEUE_LONG_EVENT_BYTES + 1)],
            QUEUE_BYTES,
            56,
            0,
            "queue_event_too_large",
        ),
        ([NewEvent(body=b"{}", size=10, delay=900.5)], 10, 55, 0, "queue_delay_invalid"),
        ([NewEvent(body=b"{}", size=10, delay=float("nan"))], 10, 55, 0, "queue_delay_invalid"),
        (
            [SMALL, NewEvent(body=b"{}", size=10, concurrency=Concurrency(key="k", limit=0))],
            20,
            55,
            0,
            "queue_concurrency_invalid",
        ),
    ],
)
def test_a_push_past_a_limit_is_refused(
    events: list[NewEvent], size: int, seconds: float, chain: int, code: str
) -> None:
    with pytest.raises(PlatformError) as refused:
        queue_rules.check_push(events, size, seconds=seconds, chain=chain)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("after", "delivered", "cancelled", "state", "due"),
    [
        (SECOND, True, False, "DONE", None),
        (SECOND, True, True, "DONE", None),
        (SECOND, False, True, "CANCELLED", None),
        (SECOND, False, False, "PENDING", SECOND + MINUTE),
        (QUEUE_WINDOW - MINUTE, False, False, "PENDING", QUEUE_WINDOW),
        (QUEUE_WINDOW - MINUTE + SECOND, False, False, "FAILED", None),
        (2 * QUEUE_WINDOW, True, False, "DONE", None),
    ],
)
def test_what_follows_from_an_attempt(
    after: timedelta, delivered: bool, cancelled: bool, state: str, due: timedelta | None
) -> None:
    """A retry that would come after the window is not made."""
    end = queue_rules.end_attempt(
        pushed_at=PUSHED,
        now=PUSHED + after,
        delivered=delivered,
        cancelled=cancelled,
        delay=MINUTE,
    )
    assert end.state is QueueEventState(state)
    assert end.due == (None if due is None else PUSHED + due)


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (FailureCause.FUNCTION_TIMED_OUT, "FUNCTION_TIME_OUT"),
        (FailureCause.FUNCTION_OUT_OF_MEMORY, "FUNCTION_OUT_OF_MEMORY"),
        (FailureCause.FUNCTION_RAISED, "FUNCTION_PLATFORM_UNKNOWN_ERROR"),
        (FailureCause.WORKER_DIED, "FUNCTION_PLATFORM_UNKNOWN_ERROR"),
        (None, "FUNCTION_PLATFORM_UNKNOWN_ERROR"),
    ],
)
def test_failures_have_the_words_of_forge(cause: FailureCause | None, reason: str) -> None:
    assert queue_rules.retry_reason(cause) == reason
