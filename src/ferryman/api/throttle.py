"""No app can crowd out the others: each has its bucket of calls, in this process's memory."""

from collections.abc import Callable
from math import ceil
from uuid import UUID

from ferryman.domain.rate import Bucket, Rate, held, take
from ferryman.errors import RateLimited

_FEWEST = 1024


class Throttle:
    """Counts the calls of each app; ``clock`` is steady and in seconds.

    Real time and not the platform's: what is protected is this machine, and a virtual clock that
    stands still would never give a call back.
    """

    def __init__(self, rate: Rate, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._buckets: dict[UUID, Bucket] = {}
        self._sweep_at = _FEWEST

    def __len__(self) -> int:
        """How many apps it remembers."""
        return len(self._buckets)

    def admit(self, app_id: UUID) -> None:
        """Count one call of the app; raises :class:`RateLimited` when it has none left."""
        now = self._clock()
        self._buckets[app_id], wait = take(self._buckets.get(app_id), self._rate, now)
        if len(self._buckets) > self._sweep_at:
            self._sweep(now)
        if wait > 0:
            raise RateLimited(
                "rate_limited",
                expected=f"at most {self._rate.per_second:g} calls a second by one app, "
                f"and {self._rate.burst} at once",
                found="more calls than that",
                fix="Wait for the seconds that Retry-After says; ask for more in one call where "
                "a call takes a list or a page size.",
                retry_after=ceil(wait),
            )

    def _sweep(self, now: float) -> None:
        """Forget full buckets: one that is not there is full."""
        full = [a for a, b in self._buckets.items() if held(b, self._rate, now) >= self._rate.burst]
        for app_id in full:
            del self._buckets[app_id]
        self._sweep_at = max(_FEWEST, 2 * len(self._buckets))
