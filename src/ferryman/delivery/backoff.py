"""When to try again: exponential backoff with jitter, and the point of giving up."""

from collections.abc import Callable
from datetime import timedelta

ATTEMPTS = 5


def retry_delay(
    attempt: int,
    *,
    random: Callable[[], float],
    base: float = 15.0,
    factor: float = 2.0,
    jitter: float = 0.2,
) -> timedelta | None:
    """How long to wait after failed attempt number ``attempt`` (from 1); None: give up.

    ``base`` is the wait in seconds after the first attempt, each further one is ``factor``
    times longer, and ``jitter`` is the share by which a wait may be shorter or longer, so that
    messages that failed together do not come back together. ``random`` yields [0, 1).
    """
    if attempt < 1:
        raise ValueError(f"attempts are counted from 1, not {attempt}")
    if attempt >= ATTEMPTS:
        return None
    spread = 1.0 + jitter * (2.0 * random() - 1.0)
    return timedelta(seconds=base * factor ** (attempt - 1) * spread)
