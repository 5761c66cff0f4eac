"""Rate limiting: one token bucket per app. Seconds are of any monotonic clock."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TokenBucket:
    """The calls left to an app, as of the instant ``at``."""

    calls: float
    at: float


@dataclass(frozen=True, slots=True)
class Rate:
    """A limit of ``per_second`` calls on average, and ``burst`` calls at once."""

    per_second: float
    burst: int

    def shared(self, processes: int) -> "Rate":
        """Return the share of each of ``processes``; one call at once is always allowed."""
        return Rate(self.per_second / processes, max(1, -(-self.burst // processes)))


def take(
    bucket: TokenBucket | None, rate: Rate, now: float, amount: float = 1
) -> tuple[TokenBucket, float]:
    """Return the bucket after a call, and the seconds the caller has to wait (0: let it in).

    A refused call takes nothing, so that calling too early does not prolong the wait. ``amount`` is
    what it takes, where the bucket holds something else than calls.
    """
    calls = held(bucket, rate, now)
    if calls < amount:
        return TokenBucket(calls, now), (amount - calls) / rate.per_second
    return TokenBucket(calls - amount, now), 0.0


def held(bucket: TokenBucket | None, rate: Rate, now: float) -> float:
    """Return the number of calls available at ``now``; an unused bucket is full."""
    if bucket is None:
        return float(rate.burst)
    return min(rate.burst, bucket.calls + max(0.0, now - bucket.at) * rate.per_second)
