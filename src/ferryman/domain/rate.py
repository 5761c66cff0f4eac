"""How many calls an app may make: a token bucket for each app. Seconds are of any steady clock."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is left of an app's calls, as it was at the instant ``at``."""

    calls: float
    at: float


@dataclass(frozen=True, slots=True)
class Rate:
    """``per_second`` calls come back each second, and at most ``burst`` of them are kept."""

    per_second: float
    burst: int


def take(bucket: Bucket | None, rate: Rate, now: float) -> tuple[Bucket, float]:
    """The bucket after a call, and for how many seconds the caller has to wait: 0 lets it in.

    A call that has to wait takes nothing, so that calling too early does not make it longer.
    """
    calls = held(bucket, rate, now)
    if calls < 1:
        return Bucket(calls, now), (1 - calls) / rate.per_second
    return Bucket(calls - 1, now), 0.0


def held(bucket: Bucket | None, rate: Rate, now: float) -> float:
    """How many calls are there at ``now``; a bucket that nobody took from is full."""
    if bucket is None:
        return float(rate.burst)
    return min(rate.burst, bucket.calls + max(0.0, now - bucket.at) * rate.per_second)
