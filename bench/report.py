"""The result of a benchmark: our figure, a peer's in the same run, and their ratio."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any


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
        """How many times better ours is: above 1 means better than the peer; infinite beside 0."""
        better, worse = (self.peer, self.ours) if self.less_is_better else (self.ours, self.peer)
        return better / worse if worse else inf

    @property
    def missed(self) -> bool:
        """Whether it falls short of its target."""
        return self.target is not None and self.ratio < self.target

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "figure": self.figure,
            "unit": self.unit,
            "ours": self.ours,
            "peer": self.peer,
            "peerName": self.peer_name,
            "lessIsBetter": self.less_is_better,
            "ratio": self.ratio,
            "interval": self.interval,
            "target": self.target,
        }

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Figure":
        """Return the figure that ``as_dict`` told."""
        return cls(
            figure=told["figure"],
            unit=told["unit"],
            ours=told["ours"],
            peer=told["peer"],
            peer_name=told["peerName"],
            less_is_better=told["lessIsBetter"],
            interval=None if told["interval"] is None else tuple(told["interval"]),
            target=told["target"],
        )


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
    return f"{figure.target:g}: missed" if figure.missed else f"{figure.target:g}"


def as_lines(figures: Sequence[Figure]) -> str:
    """Return a table for people: ``figure  ours  peer  ratio  target``."""
    rows = as_cells(figures)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)


def shortfall(figures: Sequence[Figure]) -> str:
    """Return a line that names the figures that fall short of their targets."""
    aimed = [each for each in figures if each.target is not None]
    missed = [each for each in aimed if each.missed]
    told = f"{len(aimed) - len(missed)} of {len(aimed)} targets reached"
    names = "".join(
        f"\n  {each.ratio:.2f} of {each.target:.3g}: {each.figure}, beside {each.peer_name}"
        for each in missed
    )
    return f"{told}; missed:{names}" if missed else told


def as_json(figures: Sequence[Figure]) -> str:
    """Return the figures for programs."""
    return json.dumps([each.as_dict() for each in figures])


def from_json(text: str | bytes) -> list[Figure]:
    """Return the figures that ``as_json`` told."""
    return [Figure.of(each) for each in json.loads(text)]
