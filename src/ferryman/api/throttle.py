"""Rate-limit each app with a token bucket, in the memory of this process."""

from collections.abc import Callable
from math import ceil
from uuid import UUID

from ferryman import refusals
from ferryman.domain.rate import Rate, TokenBucket, held, take
from ferryman.errors import RateLimited

_FEWEST = 1024


class AppThrottle:
    """A rate limit per app; ``clock`` is monotonic and in seconds.

    It is one of ``share`` processes, over which the kernel spreads an app's connections, and admits
    that part of the rate.

    It runs on real time, not platform time: it protects this machine, and a frozen virtual clock
    would never refill a bucket.
    """

    def __init__(
        self,
        rate: Rate,
        clock: Callable[[], float],
        refusal: refusals.Refusal[RateLimited] = refusals.access.RATE_LIMITED,
        share: int = 1,
    ) -> None:
        self._whole = rate
        self._rate = rate.shared(share)
        self._refusal = refusal
        self._clock = clock
        self._buckets: dict[UUID, TokenBucket] = {}
        self._sweep_at = _FEWEST

    def __len__(self) -> int:
        """Return the number of apps it remembers."""
        return len(self._buckets)

    def admit(self, app_id: UUID, amount: int = 1) -> None:
        """Count one call of the app; raise :class:`RateLimited` if its bucket is empty.

        ``amount`` is what it takes, where the rate is of something else than calls.
        """
        now = self._clock()
        self._buckets[app_id], wait = take(self._buckets.get(app_id), self._rate, now, amount)
        if len(self._buckets) > self._sweep_at:
            self._sweep(now)
        if wait > 0:
            whole = self._whole
            # Without a name, which would keep the error and this frame for the collector.
            raise self._refusal(per_second=whole.per_second, burst=whole.burst).after(ceil(wait))

    def _sweep(self, now: float) -> None:
        """Forget full buckets: a missing bucket counts as full."""
        full = [a for a, b in self._buckets.items() if held(b, self._rate, now) >= self._rate.burst]
        for app_id in full:
            del self._buckets[app_id]
        self._sweep_at = max(_FEWEST, 2 * len(self._buckets))
