"""Count the entries of a long timeline in bins, since its picture cannot show each of them."""

from collections.abc import Iterator
from dataclasses import dataclass

from ferryman.console.marks import LANES, lane_of
from ferryman.console.names import kind_in_words
from ferryman.wire.overview import TimelineCounts, TimelinePart

_BEGINNINGS = frozenset({"upload.begun", "listener.claimed"})
"""Kinds whose end is another entry, which is counted."""


@dataclass(frozen=True, slots=True)
class Bin:
    """The entries of one lane in one part of the time, in epoch milliseconds."""

    lane: int
    start: int
    end: int
    number: int
    failed: int
    title: str


def bins_of(counts: TimelineCounts) -> list[Bin]:
    """Return the bins in order of time."""
    return [each for part in counts.points for each in _bins(part)]


def _bins(part: TimelinePart) -> Iterator[Bin]:
    kinds: list[dict[str, int]] = [{} for _ in LANES]
    for kind, number in part.counts.items():
        lane = lane_of(kind)
        if lane is not None and kind not in _BEGINNINGS:
            kinds[lane][kind] = number
    for lane, own in enumerate(kinds):
        if not own:
            continue
        failed = sum(part.failed.get(kind, 0) for kind in own)
        told = [f"{kind_in_words(kind)}: {number:,}" for kind, number in own.items()]
        if part.failed.get("message.acknowledged") and "message.acknowledged" in own:
            told.append(f"{failed:,} of them as failed")
        yield Bin(lane, part.at, part.end, sum(own.values()), failed, ", ".join(told))
