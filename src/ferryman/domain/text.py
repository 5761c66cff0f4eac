"""How times and counts look in a sentence."""

from datetime import datetime, timedelta


def instant(at: datetime) -> str:
    """To the second, in UTC."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def plural(count: int, noun: str) -> str:
    """The count with its noun."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def span(length: timedelta) -> str:
    """In minutes where they are whole, else in seconds."""
    seconds = length.total_seconds()
    return f"{seconds / 60:g} min" if seconds % 60 == 0 else f"{seconds:g} s"
