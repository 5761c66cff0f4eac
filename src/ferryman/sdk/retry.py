"""Exponential backoff of the SDK's own calls: a rule without a clock."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from random import SystemRandom

# Every write of the SDK may be repeated, so an answer that never came is worth another try too.
# 507 is a full store: somebody makes room, or the caller is told in the end.
RETRYABLE = frozenset({408, 429, 500, 502, 503, 504, 507})


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Exponential backoff with jitter; all times are seconds.

    Waits are about 0.2, 0.4, 0.8 and so on up to ``longest``, each cut by up to a half at random
    (``roll`` returns 0 to 1). ``retry_seconds`` bounds tries and waits together.
    """

    retry_seconds: float = 120.0
    first: float = 0.2
    longest: float = 10.0
    roll: Callable[[], float] = SystemRandom().random

    def pause(
        self, status: int | None, *, tries: int, spent: float, retry_after: float | None = None
    ) -> float | None:
        """Return the seconds to wait before the next try, or None to give up.

        ``status`` is None when there was no answer. A wait that the platform asks for is kept in
        full; if it would exceed ``retry_seconds``, there is no point in waiting.
        """
        if status is not None and status not in RETRYABLE:
            return None
        # Beyond 2**32 the doubling says nothing new and would overflow a float.
        backoff = min(self.longest, self.first * 2 ** min(tries - 1, 32))
        wait = max(backoff * (0.5 + 0.5 * self.roll()), retry_after or 0.0)
        return wait if spent + wait <= self.retry_seconds else None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Read ``Retry-After`` in seconds from the answer; returns None if absent or unreadable.

    A date is measured against the answer's own ``Date``, so that a wrong clock here is harmless.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(min(int(value), 86_400))
    try:
        wait = parsedate_to_datetime(value) - parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError):
        return None
    return max(0.0, wait.total_seconds())
