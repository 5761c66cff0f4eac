"""Format times and counts for sentences."""

from datetime import datetime, timedelta


def instant(at: datetime) -> str:
    """Format a time to the second, in UTC."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def plural(count: int, noun: str) -> str:
    """Format a count with its noun."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def span(length: timedelta) -> str:
    """Format a duration in minutes if it is a whole number of them, else in seconds."""
    seconds = length.total_seconds()
    return f"{seconds / 60:g} min" if seconds % 60 == 0 else f"{seconds:g} s"


def two_units(ms: float) -> str:
    """Format a duration of so many milliseconds by its two largest units."""
    if ms < 1000:
        return f"{ms:.0f} ms"
    if ms < 10_000:
        return f"{ms / 1000:.1f} s"
    seconds = int(ms // 1000)
    for size, unit, small, sub in (
        (86_400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if seconds >= size:
            rest = seconds % size // small
            return f"{seconds // size} {unit}" + (f" {rest} {sub}" if rest else "")
    return f"{seconds} s"
