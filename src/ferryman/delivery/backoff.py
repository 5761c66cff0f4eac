"""When to try again: exponential backoff with jitter, or later if the receiver asks for it."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from ferryman.domain.limits import LONGEST_BACKOFF
from ferryman.domain.outcome import Outcome
from ferryman.vocab import FailureCause

_DOUBLINGS = 64
"""More change nothing, and a float does not hold all that a message may wait for."""

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
    """How long to wait after failed attempt number ``attempt`` (from 1), should another follow.

    ``base`` is the wait in seconds after the first attempt, each further one is ``factor``
    times longer up to ``longest`` (or ``base`` if that is longer), and ``jitter`` is the share
    by which a wait may be shorter or longer, so that messages that failed together do not come
    back together. ``random`` yields [0, 1).
    """
    if attempt < 1:
        raise ValueError(f"attempts are counted from 1, not {attempt}")
    plain = base * factor ** min(attempt - 1, _DOUBLINGS)
    spread = 1.0 + jitter * (2.0 * random() - 1.0)
    return timedelta(seconds=min(plain, max(base, longest.total_seconds())) * spread)


def asked_delay(status: int, header: str | None, now: datetime) -> timedelta | None:
    """How long an answer of 429 or 503 asks to be left alone, by its ``Retry-After``.

    The header has seconds or a date, which is compared with ``now`` of the real clock. None for
    other answers and for a header that says neither.
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
    """The back-off ``delay``, or what was ``asked`` for if that is longer, up to ``longest``."""
    return delay if asked is None else max(delay, min(asked, longest))


def next_delay(delay: timedelta, outcomes: Iterable[Outcome]) -> timedelta:
    """In how long the next attempt is made; ``delay`` is the back-off.

    A function that asks to be called again is called when it says; a remote that asks to be left
    alone is left alone at least for that long.
    """
    asked = [(each.cause, each.retry_after) for each in outcomes if each.retry_after is not None]
    by_function = [after for cause, after in asked if cause is FailureCause.RETRY_REQUESTED]
    if by_function:
        return max(by_function)
    return later_of(delay, max((after for _, after in asked), default=None))
