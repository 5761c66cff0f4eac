"""Choose which event to deliver next under a fault plan."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """An event that could be delivered now: its name, and its number among events of that name."""

    name: str
    number: int
    kinds: tuple[str, ...] = ()


def turn(waiting: Sequence[Caller]) -> tuple[list[int], bool]:
    """Return the indexes of the events to deliver next, and whether hours pass before that.

    ``waiting`` holds the events that could be delivered now, in the order they were created.
    """
    if not waiting:
        return [], False
    together = [i for i, waiter in enumerate(waiting) if "together" in waiter.kinds]
    first = min(range(len(waiting)), key=lambda i: (_rank(waiting[i], waiting), i))
    if first in together:
        name = waiting[first].name
        return [i for i in together if waiting[i].name == name], False
    return [first], "late" in waiting[first].kinds


def _rank(one: Caller, waiting: Sequence[Caller]) -> int:
    """Rank a waiting event, lowest first; the end of a transfer comes after what it waited for."""
    if "first" in one.kinds:
        return 0
    held = "late" in one.kinds or "last" in one.kinds
    if held:
        # An event that needs no acknowledgement must not come last, so it precedes the last upload.
        due = [waiter for waiter in waiting if waiter.name == "uploaded" and not _held(waiter)]
        if one.name not in ("uploaded", "settled") and len(due) == 1:
            return 1
        return 4 if "late" in one.kinds else 3
    return 5 if one.name == "settled" and any(map(_held, waiting)) else 2


def _held(one: Caller) -> bool:
    return "late" in one.kinds or "last" in one.kinds
