"""Exponential backoff with jitter between attempts, or longer if the receiver asks for it."""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from ferryman.domain.limits import LONGEST_BACKOFF
from ferryman.domain.message import Message, number_in_round
from ferryman.domain.outcome import Outcome
from ferryman.ids import jitter
from ferryman.store.delivery import ClaimedMessage
from ferryman.vocab import FailureCause

_DOUBLINGS = 64
"""Further doublings make no difference, and would overflow a float."""

_ASKING = frozenset({429, 503})
_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)


def retry_delay(
    attempt: int,
    *,
    random: Callable[[], float],
    base: float = 15.0,
    factor: float = 2.0,
    jitter: float = 0.2,
    longest: timedelta = LONGEST_BACKOFF,
) -> timedelta:
    """Return how long to wait after failed attempt number ``attempt`` (from 1): 15, 30, 60, 120 s.

    ``base`` is the wait in seconds after the first attempt. Each further one is ``factor`` times
    longer, up to ``longest`` (or ``base`` if that is longer). ``jitter`` is the share by which a
    wait may vary in both directions, so that messages that failed together do not come back
    together. ``random`` returns a number in [0, 1).
    """
    if attempt < 1:
        raise ValueError(f"attempts are counted from 1, not {attempt}")
    plain = base * factor ** min(attempt - 1, _DOUBLINGS)
    spread = 1.0 + jitter * (2.0 * random() - 1.0)
    return timedelta(seconds=min(plain, max(base, longest.total_seconds())) * spread)


def asked_delay(status: int, header: str | None, now: datetime) -> timedelta | None:
    """Return the ``Retry-After`` of a 429 or 503 response, or None.

    The header has seconds or a date, which is compared with ``now`` of the real clock. None is
    returned for other statuses and for a malformed header.
    """
    if status not in _ASKING or header is None:
        return None
    text = header.strip()
    if _SECONDS.fullmatch(text):
        return timedelta(seconds=int(text))
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max(at - now, timedelta(0))


def later_of(
    delay: timedelta, asked: timedelta | None, *, longest: timedelta = LONGEST_BACKOFF
) -> timedelta:
    """Return the backoff ``delay``, or the ``asked`` one if longer, up to ``longest``."""
    return delay if asked is None else max(delay, min(asked, longest))


def next_delay(delay: timedelta, outcomes: Iterable[Outcome]) -> timedelta:
    """Return the delay until the next attempt; ``delay`` is the backoff.

    A function that asks for a retry gets exactly the delay it asked for. A remote's ``Retry-After``
    can only prolong the backoff.
    """
    asked = [
        (outcome.cause, outcome.retry_after)
        for outcome in outcomes
        if outcome.retry_after is not None
    ]
    by_function = [after for cause, after in asked if cause is FailureCause.RETRY_REQUESTED]
    if by_function:
        return max(by_function)
    return later_of(delay, max((after for _, after in asked), default=None))


def delay_after(
    message: ClaimedMessage, outcomes: Sequence[Outcome], base: float = 15.0
) -> timedelta:
    """Return the delay until the next attempt of a message; zero if this one succeeded.

    ``base`` is as for :func:`retry_delay`.
    """
    if all(outcome.ok for outcome in outcomes):
        return timedelta(0)
    delay = retry_delay(
        number_in_round(Message(earlier=message.earlier), message.number),
        base=base,
        random=lambda: jitter(str(message.message_id), str(message.number)),
    )
    return next_delay(delay, outcomes)
