"""Watching transfers until they are settled: lines for what happens, a bar for how far it is."""

import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from ferryman.cli import admin_calls as calls
from ferryman.cli.connection import Admin
from ferryman.cli.follow import News, start_following
from ferryman.cli.render import clean, counts_of, instant, place_of
from ferryman.errors import OutsideError
from ferryman.vocab import TransferStatus
from ferryman.wire.transfer import TimelineEntry, TransferView

_TICK_SECONDS = 0.3
_MOST_LINES = 500
_QUIET_SECONDS = 2.0

Line = Callable[[TransferView, TimelineEntry], str | None]
"""How an entry is printed; None leaves it out."""


class Watch:
    """Some transfers, followed side by side. ``timeout`` is in seconds; None waits for ever.

    ``notice`` is asked for a line to print once nothing has happened for a while.
    """

    def __init__(
        self,
        admin: Admin,
        views: Sequence[TransferView],
        *,
        line: Line,
        bars: bool,
        timeout: float | None = None,
        notice: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._notice = notice
        self._last_news: float | None = time.monotonic()
        self._admin = admin.patient()
        self._views = {view.transfer_id: view for view in views}
        self._line = line
        self._console = Console()
        self._progress = _progress(self._console, shown=bars and self._console.is_terminal)
        self._tasks: dict[str, TaskID] = {}
        self._limit = None if timeout is None else time.monotonic() + timeout
        self._inbox: SimpleQueue[News] = SimpleQueue()

    def run(self) -> list[TransferView]:
        """Show what happens until all are settled, and return how they ended."""
        for transfer_id, view in self._views.items():
            self._tasks[transfer_id] = self._progress.add_task("", total=100, facts="")
            self._show(view)
            start_following(self._admin, transfer_id, self._inbox)
        following = set(self._views)
        try:
            with self._progress:
                while following:
                    following -= self._step()
                    self._check_time(following)
        except KeyboardInterrupt:
            typer.echo("No longer watching; what was started goes on.", err=True)
            raise
        return list(self._views.values())

    def _step(self) -> set[str]:
        """Take in the news of a moment; returns the transfers that are settled."""
        news = self._news()
        lines: list[str] = []
        for item in news:
            if item.failure is not None:
                raise item.failure
            if item.entry is not None:
                said = self._line(self._views[item.transfer_id], item.entry)
                lines += [] if said is None else [said]
        if news:
            self._last_news = time.monotonic()
        elif self._last_news and time.monotonic() - self._last_news > _QUIET_SECONDS:
            self._last_news = None
            lines += filter(None, [self._notice()])
        if lines:
            # All at once: a bar is drawn anew for each print.
            self._console.print(Text("\n".join(lines)), soft_wrap=True)
        for transfer_id in {item.transfer_id for item in news}:
            self._views[transfer_id] = self._admin.call(calls.get_transfer(transfer_id))
            self._show(self._views[transfer_id])
        return {item.transfer_id for item in news if item.entry is None}

    def _news(self) -> list[News]:
        """Wait a moment for something to happen, then take what is there."""
        news: list[News] = []
        wait = _TICK_SECONDS
        try:
            while len(news) < _MOST_LINES:
                news.append(self._inbox.get(timeout=wait))
                wait = 0.02
        except Empty:
            pass
        return news

    def _check_time(self, following: set[str]) -> None:
        if following and self._limit is not None and time.monotonic() > self._limit:
            raise OutsideError(
                "watch_timed_out",
                expected="the transfers to be settled within the time given",
                found=f"{len(following)} that are not: {', '.join(sorted(following))}",
                fix="They go on; `ferryman transfer watch` watches again.",
            )

    def _show(self, view: TransferView) -> None:
        deadline = f", deadline {instant(view.deadline)}" if view.deadline else ""
        self._progress.update(
            self._tasks[view.transfer_id],
            completed=view.progress,
            description=clean(f"{view.cloud_app_key} {view.status}"),
            facts=f"{view.files} files, {decimal(view.bytes)}{deadline}",
        )


def result_line(view: TransferView) -> str:
    """Say how a transfer ended, and where."""
    return f"{view.status}  {place_of(view)}: {counts_of(view)}"


def all_succeeded(views: Sequence[TransferView]) -> bool:
    """Whether the command that watched may end with 0."""
    return all(view.status is TransferStatus.SUCCESS for view in views)


def _progress(console: Console, *, shown: bool) -> Progress:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TextColumn("{task.completed:.0f} %"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[facts]}", markup=False),
    )
    return Progress(*columns, console=console, disable=not shown)
