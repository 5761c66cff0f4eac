"""The one clock of the platform.

All platform time comes from here. In virtual mode (development and tests) it is real time plus
an offset that is kept in the database, so that all processes agree on it, or it stands still.
"""

from datetime import UTC, datetime, timedelta

SEEDED_START = datetime(2026, 1, 1, tzinfo=UTC)
"""Where a clock begins that was started with a seed."""


def wall_now() -> datetime:
    """Real time. For what outsiders check by their own clock, such as tokens."""
    return datetime.now(UTC)


def platform_now(offset: timedelta, frozen_at: datetime | None = None) -> datetime:
    """Platform time: real time plus the offset of the virtual clock (zero in real mode).

    A clock that was frozen stands at ``frozen_at``.
    """
    return wall_now() + offset if frozen_at is None else frozen_at


def epoch_ms(moment: datetime) -> int:
    """Epoch milliseconds, the form of all times on the wire."""
    return int(moment.timestamp() * 1000)
