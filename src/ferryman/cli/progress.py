"""How far a file is: a bar with rate and remaining time on a terminal, events for scripts."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from ferryman.cli.render import print_json

_SECONDS_BETWEEN_EVENTS = 1.0


class Meter(Protocol):
    """Is told of bytes that are there, and whether they moved just now."""

    def __call__(self, size: int, moved: bool, /) -> None:
        """Add ``size`` bytes, or take them back by a negative number."""


@contextmanager
def watched(what: str, total: int | None, *, as_json: bool, quiet: bool = False) -> Iterator[Meter]:
    """Show the progress of ``total`` bytes: as lines of JSON, on a terminal, or not at all."""
    if as_json:
        yield Events(total)
        return
    console = Console(stderr=True)
    shown = console.is_terminal and not quiet
    with Progress(*columns(), console=console, disable=not shown) as progress:
        yield _Bar(progress, progress.add_task(what, total=total), total)


def columns() -> tuple[ProgressColumn, ...]:
    """What a bar shows: what, how far, bytes, rate, and how long still where that is known."""
    return (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )


class Events:
    """Prints ``progress`` events, one line of JSON a second at most; nothing for short files."""

    def __init__(self, total: int | None) -> None:
        self._total = total
        self._done = self._moved = 0
        self._began = self._last = time.monotonic()

    def __call__(self, size: int, moved: bool, /) -> None:
        """Count, and print if it is time."""
        self._done += size
        self._moved += size if moved else 0
        now = time.monotonic()
        if now - self._last >= _SECONDS_BETWEEN_EVENTS:
            self._last = now
            print_json(progress_event(self._done, self._total, self._moved / (now - self._began)))


def progress_event(done: int, total: int | None, rate: float) -> dict[str, Any]:
    """Make the event: bytes there, bytes in all, bytes a second, and seconds that are left."""
    left = None if total is None or rate <= 0 else round((total - done) / rate, 1)
    return {
        "event": "progress",
        "bytes": done,
        "totalBytes": total,
        "bytesPerSecond": round(rate),
        "secondsLeft": left,
    }


class _Bar:
    def __init__(self, progress: Progress, task: TaskID, total: int | None) -> None:
        self._progress = progress
        self._task = task
        self._total = total

    def __call__(self, size: int, moved: bool, /) -> None:
        if not moved and self._total is not None:
            # What was there before is no achievement: the rate counts from here.
            self._total -= size
            self._progress.update(self._task, total=self._total)
        else:
            self._progress.advance(self._task, size)
