"""The circuit breaker of an endpoint: pause deliveries to an endpoint that keeps failing.

    closed ──failures in a row──▶ open ──pause is over──▶ half open ──a success──▶ closed
                                   ▲                           │
                                   └───────── a failure ───────┘

While it is open, nothing is sent to the endpoint and messages use up no attempts. Half open, each
worker sends one message at a time as a probe. Other endpoints are not affected.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ferryman.domain import limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """The weight of an endpoint's failures in a row, and how often it opened since a success."""

    weight: int = 0
    trips: int = 0
    open_until: datetime | None = None

    @property
    def resting(self) -> bool:
        """Whether there is nothing to remember, because the last outcome was a success."""
        return self.weight == 0 and self.trips == 0


def record(breaker: Breaker, *, ok: bool, hung: bool, now: datetime) -> Breaker:
    """Return the breaker after an attempt; ``hung`` (a timeout) weighs as several failures.

    While the breaker is open, failures of messages sent before it opened change nothing. A success
    always closes it.
    """
    if ok:
        return Breaker()
    if is_open(breaker, now):
        return breaker
    weight = breaker.weight + (limits.BREAKER_HUNG_WEIGHT if hung else 1)
    if weight < limits.BREAKER_WEIGHT and not breaker.trips:
        return replace(breaker, weight=weight)
    return Breaker(
        weight=weight, trips=breaker.trips + 1, open_until=now + pause(breaker.trips + 1)
    )


def is_open(breaker: Breaker, now: datetime) -> bool:
    """Return whether nothing may be sent to the endpoint at the moment."""
    return breaker.open_until is not None and now < breaker.open_until


def pause(trips: int) -> timedelta:
    """Return how long it stays open the ``trips``-th time: 5 s, doubling up to a minute."""
    doubled: timedelta = limits.BREAKER_PAUSE * 2 ** min(trips - 1, 10)
    return min(doubled, limits.BREAKER_LONGEST_PAUSE)
