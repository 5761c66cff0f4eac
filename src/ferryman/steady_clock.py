"""A clock that goes on when the machine's is set: a step is noticed, and made up for slowly.

Deadlines, retries and timers that run must neither pass in an instant because somebody sets the
clock forward, nor stand still because it is set back. A clock that is set back soon after, as by a
time server that was wrong for some seconds, then does not matter at all.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

log = structlog.get_logger("ferryman.clock")

_STEP = timedelta(seconds=2)
"""A difference that is a step; anything less is the correction of a clock that runs a bit wrong."""

_RATE = 0.1
"""Seconds made up for in each second."""

_FRESH = timedelta(minutes=3)
"""Seconds after a step forward in which others may seem silent that are not."""


class SteadyClock:
    """Real time without steps. ``wall`` and ``elapsed`` return seconds; the latter never steps."""

    def __init__(self, wall: Callable[[], float], elapsed: Callable[[], float]) -> None:
        self._wall, self._elapsed = wall, elapsed
        self._at, self._now = elapsed(), wall()
        self._stepped: tuple[float, float] | None = None

    def now(self) -> datetime:
        """Return the time."""
        at, wall = self._elapsed(), self._wall()
        passed = at - self._at
        behind = wall - (self._now + passed)
        if abs(behind) <= _STEP.total_seconds():
            self._now = wall
            if self._stepped is not None:
                log.info("clock.caught_up")
                self._stepped = None
        else:
            if self._stepped is None:
                self._stepped = at, behind
                log.warning("clock.stepped", seconds=round(behind, 1))
            most = _RATE * passed
            self._now += passed + max(-most, min(most, behind))
        self._at = at
        return datetime.fromtimestamp(self._now, UTC)

    def step_forward(self) -> timedelta:
        """Return by how much the clock was set forward a moment ago; zero at any other time.

        Until all have been heard of again, what they said before looks older than it is.
        """
        self.now()
        if self._stepped is None:
            return timedelta(0)
        at, seconds = self._stepped
        fresh = self._at - at <= _FRESH.total_seconds()
        return timedelta(seconds=max(0.0, seconds) if fresh else 0.0)
