"""Lay out charts over time: stacked bars, lines, and the backlog of a transfer. Pure arithmetic."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ferryman.console.words import span
from ferryman.wire.overview import BacklogPoint, Charts

WIDTH, HEIGHT = 320.0, 84.0
_GAP = 0.25


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a stack of bars."""

    x: float
    y: float
    width: float
    height: float
    tone: str
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars or lines with the greatest value, and the table behind them.

    ``lines`` are the points of polylines with their tones; ``rows`` are a time and its texts.
    """

    name: str
    peak: float
    unit: str
    bars: Sequence[Bar]
    lines: Sequence[tuple[str, str]]
    legend: Sequence[tuple[str, str]]
    heads: Sequence[str]
    rows: Sequence[tuple[int, Sequence[float | None]]]


Series = tuple[str, str, Sequence[float | None]]
"""The name, the tone and the values of a series."""


def charts_of(charts: Charts) -> list[Chart]:
    """Return the charts of the overview."""
    points, seconds = charts.points, charts.seconds
    times = [each.at for each in points]
    return [
        _bars(
            f"Deliveries in {span(seconds * 1000)}",
            "count",
            times,
            [
                ("delivered", "good", [float(each.delivered) for each in points]),
                ("failed", "bad", [float(each.failed) for each in points]),
                ("lost", "warn", [float(each.lost) for each in points]),
            ],
        ),
        _bars(
            f"Bytes stored in {span(seconds * 1000)}",
            "bytes",
            times,
            [("stored", "run", [float(each.bytes) for each in points])],
        ),
        _lines(
            "Wait for the first attempt",
            "ms",
            times,
            [
                ("median", "run", [each.first_attempt_p50 for each in points]),
                ("99th percentile", "warn", [each.first_attempt_p99 for each in points]),
            ],
        ),
    ]


def _bars(name: str, unit: str, times: Sequence[int], series: Sequence[Series]) -> Chart:
    peak = max((sum(stack) for stack in zip(*_filled(series), strict=True)), default=0.0)
    step = WIDTH / max(1, len(times))
    bars = []
    for number in range(len(times)):
        y = HEIGHT
        for title, tone, values in series:
            height = (values[number] or 0.0) / peak * HEIGHT if peak else 0.0
            if height:
                y -= height
                told = f"{title}: {values[number]:g}"
                bars.append(Bar(number * step, y, step * (1 - _GAP), height, tone, told))
    return _chart(name, peak, unit, times, series, bars=bars)


def _lines(name: str, unit: str, times: Sequence[int], series: Sequence[Series]) -> Chart:
    peak = max((value for each in _filled(series) for value in each), default=0.0)
    step = WIDTH / max(1, len(times))
    lines = []
    for _, tone, values in series:
        for run in _runs(values):
            points = [
                # In the middle of its time, and neither edge cuts off half of its line.
                ((number + 0.5) * step, 1.0 + (1 - value / (peak or 1)) * (HEIGHT - 2))
                for number, value in run
            ]
            if len(points) == 1:
                [(x, y)] = points
                points = [(x - step / 2, y), (x + step / 2, y)]
            lines.append((" ".join(f"{x:.1f},{y:.1f}" for x, y in points), tone))
    return _chart(name, peak, unit, times, series, lines=lines)


def _chart(
    name: str,
    peak: float,
    unit: str,
    times: Sequence[int],
    series: Sequence[Series],
    *,
    bars: Sequence[Bar] = (),
    lines: Sequence[tuple[str, str]] = (),
) -> Chart:
    return Chart(
        name=name,
        peak=peak,
        unit=unit,
        bars=bars,
        lines=lines,
        legend=[(title, tone) for title, tone, _ in series],
        heads=[title for title, _, _ in series],
        rows=[
            (at, [values[number] for _, _, values in series])
            for number, at in enumerate(times)
            if any(values[number] for _, _, values in series)
        ],
    )


def _filled(series: Sequence[Series]) -> list[list[float]]:
    return [[value or 0.0 for value in values] for _, _, values in series]


def _runs(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    """Return the stretches that have values, with their places."""
    runs: list[list[tuple[int, float]]] = [[]]
    for number, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((number, value))
    return [run for run in runs if run]


@dataclass(frozen=True, slots=True)
class Area:
    """The backlog of a transfer as the points of an area in the scale of its picture."""

    points: str
    peak: int
    y: float
    height: float


def backlog_area(
    points: Sequence[BacklogPoint], x: Callable[[int], float], y: float, height: float
) -> Area | None:
    """Return how many files were uploaded and not acknowledged; None if there never were any."""
    peak = max((each.outstanding for each in points), default=0)
    if not peak:
        return None
    bottom = y + height
    corners = [(x(points[0].at), bottom)]
    level = bottom
    for each in points:
        at = x(each.at)
        corners.append((at, level))
        level = bottom - each.outstanding / peak * height
        corners.append((at, level))
    corners += [(x(points[-1].at), bottom)]
    return Area(" ".join(f"{a:.1f},{b:.1f}" for a, b in corners), peak, y, height)
