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
