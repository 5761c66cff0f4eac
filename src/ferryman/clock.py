"""The one clock of the platform.

All platform time comes from here. In virtual mode (development and tests) it is real time plus
an offset that is kept in the database, so that all processes agree on it.
"""

from datetime import UTC, datetime, timedelta


def wall_now() -> datetime:
    """Real time. For what outsiders check by their own clock, such as tokens."""
    return datetime.now(UTC)


def platform_now(offset: timedelta) -> datetime:
    """Platform time: real time plus the offset of the virtual clock (zero in real mode)."""
    return wall_now() + offset


def epoch_ms(moment: datetime) -> int:
    """Epoch milliseconds, the form of all times on the wire."""
    return int(moment.timestamp() * 1000)
