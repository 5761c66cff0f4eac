"""The only clock of the platform.

All platform time comes from here. In virtual mode (development and tests) it is real time plus an
offset kept in the database, so that all processes agree on it, or it is frozen.
"""

import time
from datetime import UTC, datetime, timedelta

from ferryman.steady_clock import SteadyClock

SEEDED_START = datetime(2026, 1, 1, tzinfo=UTC)
"""The time at which a seeded clock starts."""


# No setting of the clock changes it. On Linux, the one that counts the sleep of the machine too.
_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

_STEADY = SteadyClock(time.time, lambda: time.clock_gettime(_CLOCK))


def wall_now() -> datetime:
    """Return real time, for what outsiders check by their own clock, such as tokens."""
    return datetime.now(UTC)


def platform_now(offset: timedelta, frozen_at: datetime | None = None) -> datetime:
    """Return platform time: real time plus the offset of the virtual clock (zero in real mode).

    A frozen clock always returns ``frozen_at``. When the machine's clock is set, platform time goes
    on and follows slowly, so that no deadline passes at once.
    """
    return _STEADY.now() + offset if frozen_at is None else frozen_at


def step_forward() -> timedelta:
    """Return by how much the machine's clock was set forward a moment ago; usually zero."""
    return _STEADY.step_forward()


def epoch_ms(moment: datetime) -> int:
    """Return epoch milliseconds, the form of all times on the wire."""
    return int(moment.timestamp() * 1000)
