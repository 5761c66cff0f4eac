"""Lay out the picture of a timeline: lanes, bars and points, with quiet times folded.

Pure arithmetic: epoch milliseconds in, units of an SVG out.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ferryman.console.charts import Area, backlog_area
from ferryman.console.marks import LANES, Mark
from ferryman.console.words import span
from ferryman.wire.overview import BacklogPoint

LEFT, WIDTH, RIGHT = 118.0, 1000.0, 14.0
_TOP, _ROW, _LANE_GAP = 26.0, 11.0, 9.0
_ROWS = 6
_BACKLOG = 34.0
_FOLD_WIDTH = 72.0
_QUIET_SHARE = 0.03
_QUIET_LEAST_MS = 2_000
_FOLDS = 7
_TICK_ROOM = 95.0
_LEAST_BAR = 3.0


@dataclass(frozen=True, slots=True)
class Scale:
    """Places of instants: runs of time in proportion, and folds of one width between them."""

    starts: Sequence[int]
    ends: Sequence[int]
    lefts: Sequence[float]
    unit: float
    """Milliseconds of one unit."""

    room: float
    """Width of what is between two runs: their margins and the fold."""

    def x(self, at: int) -> float:
        """Return the place of an instant; one within a fold is at its beginning."""
        run = max(0, bisect_right(self.starts, at) - 1)
        inside = min(max(at, self.starts[run]), self.ends[run]) - self.starts[run]
        return self.lefts[run] + (inside / self.unit if self.unit else 0.0)

    def folds(self, now: int | None) -> list[tuple[float, str]]:
        """Return the middle of each fold, and how long it was quiet, or will be."""
        pairs = zip(self.ends, self.starts[1:], self.lefts[1:], strict=False)
        return [
            (
                left - self.room / 2,
                f"{span(after - end)} {'quiet' if now is None or end < now else 'left'}",
            )
            for end, after, left in pairs
        ]


def scale_of(instants: Iterable[int], left: float, width: float) -> Scale:
    """Return the scale of instants: gaps that take much of the time are folded."""
    times = sorted(set(instants)) or [0]
    whole = times[-1] - times[0]
    gaps = sorted((after - before for before, after in pairwise(times)), reverse=True)
    least = max(_QUIET_LEAST_MS, whole * _QUIET_SHARE, *gaps[_FOLDS : _FOLDS + 1]) + 1
    starts, ends = [times[0]], [times[0]]
    for at in times[1:]:
        if at - ends[-1] >= least:
            starts.append(at)
            ends.append(at)
        else:
            ends[-1] = at
    busy = sum(end - start for start, end in zip(starts, ends, strict=True))
    fold = min(_FOLD_WIDTH, width / (2 * len(starts)))
    room = width - fold * (len(starts) - 1)
    # A run without length still needs a place to be seen.
    least_room = min(24.0, room / (4 * len(starts)))
    unit = busy / (room - least_room * len(starts)) if busy else 0.0
    lefts, at_x = [], left
    for start, end in zip(starts, ends, strict=True):
        lefts.append(at_x + least_room / 2)
        at_x += least_room + ((end - start) / unit if unit else 0.0) + fold
    return Scale(starts, ends, lefts, unit, fold + least_room)


@dataclass(frozen=True, slots=True)
class Shape:
    """A mark in its place."""

    mark: Mark
    x: float
    y: float
    width: float
    height: float = 8.0


@dataclass(frozen=True, slots=True)
class PictureLane:
    """A lane with the number of marks that had no row left."""

    name: str
    y: float
    height: float
    shapes: Sequence[Shape]
    hidden: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A whole picture; ``ticks`` are places with times, ``lines`` places with a word."""

    height: float
    lanes: Sequence[PictureLane]
    folds: Sequence[tuple[float, str]]
    ticks: Sequence[tuple[float, int]]
    lines: Sequence[tuple[float, str, str]]
    width: float = WIDTH
    left: float = LEFT
    backlog: Area | None = None


def picture_of(
    marks: Sequence[Mark],
    now: int | None = None,
    deadline: int | None = None,
    backlog: Sequence[BacklogPoint] = (),
) -> Picture | None:
    """Return the picture of marks; ``now`` and ``deadline`` only of a transfer that runs."""
    if not marks:
        return None
    instants = [at for mark in marks for at in (mark.start, mark.end)]
    lines = [(at, name) for at, name in ((now, "now"), (deadline, "deadline")) if at is not None]
    scale = scale_of([*instants, *(at for at, _ in lines)], LEFT, WIDTH - LEFT - RIGHT)
    lanes, y = [], _TOP
    for number, name in enumerate(LANES):
        lane = _lane(name, [mark for mark in marks if mark.lane == number], scale, y)
        lanes.append(lane)
        y += lane.height + _LANE_GAP
    area = backlog_area(backlog, scale.x, y, _BACKLOG)
    if area is not None:
        y += _BACKLOG + 2 * _LANE_GAP
    return Picture(
        height=y,
        backlog=area,
        lanes=lanes,
        folds=scale.folds(now),
        ticks=_ticks(scale),
        lines=[(scale.x(at), name, "run" if name == "now" else "bad") for at, name in lines],
    )


def _lane(name: str, marks: Sequence[Mark], scale: Scale, y: float) -> PictureLane:
    """Put marks that overlap into rows below each other."""
    rows: list[float] = []
    shapes, hidden = [], 0
    for mark in sorted(marks, key=lambda each: each.start):
        x = scale.x(mark.start)
        width = max(scale.x(mark.end) - x, _LEAST_BAR if mark.is_bar else 8.0)
        if not mark.is_bar:
            x -= 4.0
        row = next((number for number, end in enumerate(rows) if end <= x), len(rows))
        if row == _ROWS:
            hidden += 1
            continue
        if row == len(rows):
            rows.append(0.0)
        rows[row] = x + width + 1.0
        shapes.append(Shape(mark, x, y + row * _ROW, width))
    return PictureLane(name, y, max(1, len(rows)) * _ROW, shapes, hidden)


def _ticks(scale: Scale) -> list[tuple[float, int]]:
    """Return the beginnings of runs, and the end, as far as their times have room.

    Those near the right edge are written to the left of their place.
    """
    ticks: list[tuple[float, int]] = []
    free = 0.0
    ends = [(scale.ends[-1], scale.x(scale.ends[-1]))]
    for at, x in [*zip(scale.starts, scale.lefts, strict=True), *ends]:
        left = x - _TICK_ROOM if x > WIDTH - _TICK_ROOM else x
        if left >= free:
            ticks.append((x, at))
            free = left + _TICK_ROOM
    return ticks
