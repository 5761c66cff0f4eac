"""The circuit breaker of an endpoint: when it fails on and on, it is left alone for a while.

    closed ──failures in a row──▶ open ──its time is over──▶ half open ──a success──▶ closed
                                   ▲                             │
                                   └────────── a failure ────────┘

While it is open nothing is sent there, and messages use up no attempts. Half open, each worker
sends one message at a time, as a probe. Other endpoints notice nothing of it.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ferryman.domain import limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """``weight`` of the failures in a row; how often it opened since the last success."""

    weight: int = 0
    trips: int = 0
    open_until: datetime | None = None

    @property
    def resting(self) -> bool:
        """Nothing to remember: the last thing heard of the endpoint was a success."""
        return self.weight == 0 and self.trips == 0


def record(breaker: Breaker, *, ok: bool, hung: bool, now: datetime) -> Breaker:
    """An attempt ended; ``hung``: there was no answer in time, which weighs as several failures.

    Outcomes of what was sent before it opened change nothing while it is open, but a success
    closes it whenever it comes.
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
    """Whether nothing is sent there at this moment."""
    return breaker.open_until is not None and now < breaker.open_until


def pause(trips: int) -> timedelta:
    """How long it stays open the ``trips``-th time in a row: 5 s doubling, a minute at most."""
    doubled: timedelta = limits.BREAKER_PAUSE * 2 ** min(trips - 1, 10)
    return min(doubled, limits.BREAKER_LONGEST_PAUSE)
