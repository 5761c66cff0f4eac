"""Show the progress of an agent's files: bars on a terminal, lines of JSON for scripts."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from rich.console import Console
from rich.progress import Progress, TaskID

from ferryman.cli.output.printing import print_json
from ferryman.cli.output.progress import columns, progress_event
from ferryman.client.text import clean
from ferryman.sdk.progress import FileProgress, UploadProgress
from ferryman.wire.upload import AppDataReceipt

_SECONDS_BETWEEN_EVENTS = 1.0


@contextmanager
def watched_uploads(*, as_json: bool) -> Iterator[UploadProgress | None]:
    """Yield a reporter of files; None if nobody would see it, as in a service's log."""
    console = Console(stderr=True)
    if as_json:
        yield _Events().begin
    elif console.is_terminal:
        bars = _Bars(console)
        try:
            yield bars.begin
        finally:
            bars.stop()
    else:
        yield None


class _Bars:
    """A bar for each file of more than one part, shown only while it is sent.

    Drawing begins with the first file and ends with the last, so that an agent that waits for
    days does no work meanwhile.
    """

    def __init__(self, console: Console) -> None:
        self._progress = Progress(*columns(), console=console, transient=True, auto_refresh=True)
        self._lock = threading.Lock()
        self._open: set[TaskID] = set()
        self._stopped = False

    def begin(self, _transfer_id: str, label: str | None, total: int | None) -> FileProgress:
        return _Bar(self, clean(label or "(no label)").replace("\n", " "), total)

    def add(self, what: str, total: int | None) -> TaskID | None:
        with self._lock:
            if self._stopped:
                return None
            task = self._progress.add_task(what, total=total)
            self._open.add(task)
            if len(self._open) == 1:
                self._progress.start()
            return task

    def move(self, task: TaskID, size: int) -> None:
        with self._lock:
            if task in self._open:
                self._progress.advance(task, size)

    def remove(self, task: TaskID) -> None:
        with self._lock:
            if task in self._open:
                self._open.remove(task)
                self._progress.remove_task(task)
                if not self._open:
                    self._progress.stop()

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            if self._open:
                self._open.clear()
                self._progress.stop()


class _Bar:
    def __init__(self, bars: _Bars, what: str, total: int | None) -> None:
        self._bars = bars
        self._what = what
        self._total = total
        self._lock = threading.Lock()
        self._task: TaskID | None = None
        self._ended = False

    def part(self, size: int, sent: bool, /) -> None:
        with self._lock:
            if self._total == size or self._ended:
                return  # the only part: over before anybody could look
            if not sent and self._total is not None:
                # Bytes that were there before do not count towards the rate.
                self._total -= size
                return
            if self._task is None:
                self._task = self._bars.add(self._what, self._total)
            if self._task is not None:
                self._bars.move(self._task, size)

    def end(self, _receipt: AppDataReceipt | None, /) -> None:
        with self._lock:
            self._ended = True
            if self._task is not None:
                self._bars.remove(self._task)


class _Events:
    """Lines on standard output, each written as a whole by any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def begin(self, transfer_id: str, label: str | None, total: int | None) -> FileProgress:
        return _FileEvents(self, {"transferId": transfer_id, "label": label}, total)

    def print(self, event: dict[str, object]) -> None:
        with self._lock:
            print_json(event)


class _FileEvents:
    def __init__(self, events: _Events, names: dict[str, str | None], total: int | None) -> None:
        self._events = events
        self._names = names
        self._total = total
        self._done = self._moved = 0
        self._began = self._last = time.monotonic()
        self._lock = threading.Lock()

    def part(self, size: int, sent: bool, /) -> None:
        with self._lock:
            self._done += size
            self._moved += size if sent else 0
            now = time.monotonic()
            if now - self._last < _SECONDS_BETWEEN_EVENTS:
                return
            self._last = now
            rate = self._moved / (now - self._began)
            event = progress_event(self._done, self._total, rate)
        self._events.print({**event, **self._names})

    def end(self, receipt: AppDataReceipt | None, /) -> None:
        if receipt is None:
            self._events.print({"event": "givenUp", **self._names})
        else:
            self._events.print({"event": "done", **self._names, **msgspec.to_builtins(receipt)})
