"""When to try again: exponential backoff with jitter."""

from collections.abc import Callable
from datetime import timedelta

from ferryman.domain.limits import LONGEST_BACKOFF

_DOUBLINGS = 64
"""More change nothing, and a float does not hold all that a message may wait for."""


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
