"""The time range that a page is zoomed to: pure arithmetic, from the words of its address.

Times in an address are UTC, as fields for dates write them, so that people can read and change
them.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_END = round(datetime(9999, 1, 1, tzinfo=UTC).timestamp() * 1000)
_LEAST = 2
"""The shortest time in milliseconds that a step leads to."""


class ZoomInvalid(Exception):
    """A time that cannot be read, or an end before its beginning; says what to write."""


@dataclass(frozen=True, slots=True)
class Zoom:
    """From ``start`` up to ``end``, in epoch milliseconds; None: from the first, to the last."""

    start: int | None = None
    end: int | None = None

    def __bool__(self) -> bool:
        """Return whether it leaves anything out."""
        return self.start is not None or self.end is not None

    @property
    def query(self) -> dict[str, str]:
        """Return it as parameters of an address."""
        both = (("from", self.start), ("to", self.end))
        return {name: written(at) for name, at in both if at is not None}


def zoom_of(start: str, end: str) -> Zoom:
    """Read a zoom; raise :class:`ZoomInvalid`."""
    zoom = Zoom(_read("from", start), _read("to", end))
    if zoom.start is not None and zoom.end is not None and zoom.end <= zoom.start:
        raise ZoomInvalid(f"an end, {end}, that is not after its beginning, {start}")
    return zoom


def _read(name: str, text: str) -> int | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text.strip())
        told = round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        told = -1
    if not 0 <= told < _END:
        raise ZoomInvalid(f"{name}={text!r:.60}; write a time of UTC such as 2026-01-31T16:05:00")
    return told


def written(at: int) -> str:
    """Return a time as an address has it."""
    told = (_EPOCH + timedelta(milliseconds=at)).isoformat(timespec="milliseconds")
    return told.removesuffix("+00:00")


def steps_of(seen: tuple[int, int], whole: Zoom) -> list[tuple[str, str, Zoom]]:
    """Return the steps from the current range: their labels, their keys, and where they lead.

    ``whole`` is the range now: without one there is nothing outside.
    """
    start, end = seen
    length = max(end - start, _LEAST)
    half, quarter = max(length // 2, 1), length // 4
    steps = []
    if length > 2 * _LEAST:
        steps.append(("Zoom in", "+", Zoom(start + quarter, end - quarter)))
    if whole:
        steps += [
            ("Zoom out", "-", Zoom(max(0, start - half), min(end + half, _END - 1))),
            ("Earlier", "<", Zoom(max(0, start - half), max(length, end - half))),
            ("Later", ">", Zoom(min(start + half, _END - 2), min(end + half, _END - 1))),
            ("Whole time", "0", Zoom()),
        ]
    return steps
