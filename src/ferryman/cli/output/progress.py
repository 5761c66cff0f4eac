"""Show the progress of a file: a bar with rate and time left, or events for scripts."""

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

from ferryman.cli.output.printing import print_json

_SECONDS_BETWEEN_EVENTS = 1.0


class ProgressMeter(Protocol):
    """A counter of bytes that also notes whether they moved recently."""

    def __call__(self, size: int, moved: bool, /) -> None:
        """Add ``size`` bytes; a negative number subtracts them."""


@contextmanager
def watched(
    what: str, total: int | None, *, as_json: bool, quiet: bool = False
) -> Iterator[ProgressMeter]:
    """Show the progress of ``total`` bytes: as lines of JSON, on a terminal, or not at all."""
    if as_json:
        yield ProgressEvents(total)
        return
    console = Console(stderr=True)
    shown = console.is_terminal and not quiet
    with Progress(*columns(), console=console, disable=not shown) as progress:
        yield _Bar(progress, progress.add_task(what, total=total), total)


def columns() -> tuple[ProgressColumn, ...]:
    """Return the columns of a bar: name, progress, bytes, rate and, if known, the time left."""
    return (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )


class ProgressEvents:
    """A printer of ``progress`` events: at most one line of JSON a second, none for short files."""

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
    """Return the event: bytes done, bytes in all, bytes a second and seconds left."""
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
            # Bytes that were there before do not count towards the rate.
            self._total -= size
            self._progress.update(self._task, total=self._total)
        else:
            self._progress.advance(self._task, size)
