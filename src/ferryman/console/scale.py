"""Find places for instants: time in proportion, with quiet times folded. Pure arithmetic."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ferryman.console.words import span

_FOLD_WIDTH = 72.0
_QUIET_SHARE = 0.03
_QUIET_LEAST_MS = 2_000
_FOLDS = 7


@dataclass(frozen=True, slots=True)
class Scale:
    """Places of instants: runs of time in proportion, and folds of one width between them."""

    starts: Sequence[int]
    ends: Sequence[int]
    lefts: Sequence[float]
    unit: float
    """Milliseconds of one unit."""

    room: float
    """Width of the gap between two runs: their margins and the fold."""

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
