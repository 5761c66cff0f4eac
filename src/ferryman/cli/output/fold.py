"""Fold lines that repeat: show the first at once, and count those that follow soon."""

from dataclasses import dataclass
from itertools import takewhile

from ferryman.client.text import Line

SECONDS = 3.0
"""After a line is shown, others of its kind are counted for this long."""


@dataclass(slots=True)
class _Run:
    """Lines of one kind; ``last`` is the newest that was not shown."""

    until: float
    count: int = 0
    last: Line = ("", "")


class Fold:
    """A fold of lines with equal keys; times are seconds of a monotonic clock."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._runs: dict[tuple[object, ...], _Run] = {}

    def add(self, key: tuple[object, ...], line: Line, now: float) -> list[Line]:
        """Return the lines to show now: what is due, then the line unless it is folded."""
        shown = self.due(now)
        run = self._runs.get(key)
        if run is None:
            self._runs[key] = _Run(now + self._seconds)
            return [*shown, line]
        run.count += 1
        run.last = line
        return shown

    def due(self, now: float) -> list[Line]:
        """Return the last line of each kind whose time is over, with a count."""
        shown = []
        # In the order of their ends: each begins when it is put in.
        for key, run in list(takewhile(lambda each: each[1].until <= now, self._runs.items())):
            del self._runs[key]
            if run.count:
                shown.append(_counted(run))
                # A kind that continues is reported at this pace, not by its first line again.
                self._runs[key] = _Run(now + self._seconds)
        return shown

    def flush(self) -> list[Line]:
        """Return what was counted so far, and start over."""
        shown = [_counted(run) for run in self._runs.values() if run.count]
        self._runs.clear()
        return shown


def _counted(run: _Run) -> Line:
    text, style = run.last
    head, line_end, rest = text.partition("\n")
    more = f"  x {run.count} more" if run.count > 1 else ""
    return f"{head}{more}{line_end}{rest}", style
