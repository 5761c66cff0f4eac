"""The result of a benchmark: our figure, a peer's in the same run, and their ratio."""

import json
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One thing measured. ``ours`` and ``peer`` are in ``unit``; ``interval`` is of the ratio.

    ``target`` is the ratio to reach, where one was set.
    """

    figure: str
    unit: str
    ours: float
    peer: float
    peer_name: str
    less_is_better: bool = True
    interval: tuple[float, float] | None = None
    target: float | None = None

    @property
    def ratio(self) -> float:
        """How many times better ours is: above 1 means better than the peer."""
        better, worse = (self.peer, self.ours) if self.less_is_better else (self.ours, self.peer)
        return better / worse


class MissingError(Exception):
    """What a benchmark compares with is not on this machine; the text says how to have it."""


def as_cells(figures: Sequence[Figure]) -> list[tuple[str, ...]]:
    """Rows for people, the first of them the header."""
    return [
        ("figure", "ours", "peer", "ratio", "target"),
        *(
            (
                each.figure,
                f"{each.ours:.4g} {each.unit}",
                f"{each.peer:.4g} {each.unit} ({each.peer_name})",
                f"{each.ratio:.2f}{_between(each.interval)}",
                _verdict(each),
            )
            for each in figures
        ),
    ]


def _between(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f" ({interval[0]:.2f} to {interval[1]:.2f})"


def _verdict(figure: Figure) -> str:
    if figure.target is None:
        return ""
    return f"{figure.target:g}" if figure.ratio >= figure.target else f"{figure.target:g}: missed"


def as_lines(figures: Sequence[Figure]) -> str:
    """Return a table for people: ``figure  ours  peer  ratio  target``."""
    rows = as_cells(figures)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)


def as_json(figures: Sequence[Figure]) -> str:
    """Return the figures for programs."""
    return json.dumps(
        [
            {
                "figure": each.figure,
                "unit": each.unit,
                "ours": each.ours,
                "peer": each.peer,
                "peerName": each.peer_name,
                "ratio": each.ratio,
                "interval": each.interval,
                "target": each.target,
            }
            for each in figures
        ]
    )
