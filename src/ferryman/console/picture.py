"""Lay out the picture of a timeline: lanes, bars and points, with quiet times folded.

Pure arithmetic: epoch milliseconds in, units of an SVG out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ferryman.console.bins import Bin
from ferryman.console.charts import Area, backlog_area
from ferryman.console.marks import LANES, Mark
from ferryman.console.scale import Scale, scale_of
from ferryman.wire.overview import BacklogPoint

LEFT, WIDTH, RIGHT = 118.0, 1000.0, 14.0
_TOP, _ROW, _LANE_GAP = 26.0, 11.0, 9.0
_ROWS = 6
_BACKLOG = 34.0
_TICK_ROOM = 95.0
_LEAST_BAR = 3.0
_BIN = 26.0
_LEAST_BIN = 3.0


@dataclass(frozen=True, slots=True)
class Shape:
    """A mark in its place."""

    mark: Mark
    x: float
    y: float
    width: float
    height: float = 8.0


@dataclass(frozen=True, slots=True)
class BinShape:
    """A bin in its place: its height is its number of entries, from below those that failed."""

    bin: Bin
    x: float
    y: float
    width: float
    height: float
    failed: float


@dataclass(frozen=True, slots=True)
class PictureLane:
    """A lane of bins, or of marks with the number of those that found no free row."""

    name: str
    y: float
    height: float
    shapes: Sequence[Shape] = ()
    hidden: int = 0
    bins: Sequence[BinShape] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """A whole picture; ``ticks`` are positions with times, ``lines`` positions with a word.

    ``runs`` and ``unit`` describe its scale, for a script that reads times from positions.
    """

    height: float
    lanes: Sequence[PictureLane]
    folds: Sequence[tuple[float, str]]
    ticks: Sequence[tuple[float, int]]
    lines: Sequence[tuple[float, str, str]]
    runs: str
    unit: float
    width: float = WIDTH
    left: float = LEFT
    backlog: Area | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """The time that a picture shows, and what it marks beside the entries; in epoch milliseconds.

    Only a running transfer has ``now`` and ``deadline``; only a zoomed picture has ``start`` and
    ``end``.
    """

    now: int | None = None
    deadline: int | None = None
    start: int | None = None
    end: int | None = None
    backlog: Sequence[BacklogPoint] = ()


EMPTY_FRAME = Frame()


def picture_of(marks: Sequence[Mark], frame: Frame = EMPTY_FRAME) -> Picture | None:
    """Return the picture of marks; None if there are none."""

    def lane(number: int, scale: Scale, y: float) -> PictureLane:
        return _lane(LANES[number], [mark for mark in marks if mark.lane == number], scale, y)

    return _picture([at for mark in marks for at in (mark.start, mark.end)], frame, lane)


def binned_picture(bins: Sequence[Bin], frame: Frame = EMPTY_FRAME) -> Picture | None:
    """Return the picture of bins; None if there are none."""

    def lane(number: int, scale: Scale, y: float) -> PictureLane:
        own = [each for each in bins if each.lane == number]
        return _binned_lane(LANES[number], own, scale, y)

    return _picture([at for each in bins for at in (each.start, each.end)], frame, lane)


def _picture(
    instants: Sequence[int], frame: Frame, lane_of: Callable[[int, Scale, float], PictureLane]
) -> Picture | None:
    if not instants:
        return None
    lines = [
        (at, name)
        for at, name in ((frame.now, "now"), (frame.deadline, "deadline"))
        if at is not None
    ]
    ends = [at for at in (frame.start, frame.end) if at is not None]
    first = frame.start if frame.start is not None else min(instants)
    last = frame.end if frame.end is not None else max(instants)
    within = [min(max(at, first), max(first, last)) for at in instants]
    scale = scale_of([*within, *ends, *(at for at, _ in lines)], LEFT, WIDTH - LEFT - RIGHT)
    lanes, y = [], _TOP
    for number in range(len(LANES)):
        lane = lane_of(number, scale, y)
        lanes.append(lane)
        y += lane.height + _LANE_GAP
    area = backlog_area(frame.backlog, scale.x, y, _BACKLOG)
    if area is not None:
        y += _BACKLOG + 2 * _LANE_GAP
    runs = zip(scale.starts, scale.ends, scale.lefts, strict=True)
    return Picture(
        height=y,
        backlog=area,
        lanes=lanes,
        folds=scale.folds(frame.now),
        ticks=_ticks(scale),
        lines=[(scale.x(at), name, "run" if name == "now" else "bad") for at, name in lines],
        runs=" ".join(f"{start},{end},{left:.1f}" for start, end, left in runs),
        unit=scale.unit,
    )


def _binned_lane(name: str, bins: Sequence[Bin], scale: Scale, y: float) -> PictureLane:
    """Put bins side by side, each as high as its share of the greatest."""
    if not bins:
        return PictureLane(name, y, _ROW)
    peak = max(each.number for each in bins)
    shapes = []
    for each in bins:
        x = scale.x(each.start)
        high = max(_LEAST_BIN, each.number / peak * _BIN)
        low = max(_LEAST_BIN, each.failed / each.number * high) if each.failed else 0.0
        width = max(scale.x(each.end) - x - 1.0, _LEAST_BAR)
        shapes.append(BinShape(each, x, y + _BIN - high, width, high, low))
    return PictureLane(name, y, _BIN, bins=shapes)


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
