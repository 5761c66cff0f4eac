"""Watch transfers until they are settled: a line for each event, a bar for the progress."""

import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from ferryman import refusals
from ferryman.cli.ids import short_id
from ferryman.cli.output.forecasts import Forecasts
from ferryman.cli.output.lines import Lines, joined
from ferryman.client.admin import AdminClient
from ferryman.client.follow import TimelineUpdate, start_following
from ferryman.client.text import Line, clean, minute
from ferryman.text import plural
from ferryman.vocab import TransferStatus
from ferryman.wire.transfer import TimelineEntry, TransferView

_TICK_SECONDS = 0.3
_MOST_LINES = 500
_QUIET_SECONDS = 2.0

Show = Callable[[TransferView, TimelineEntry], list[Line]]
"""The lines to print for an entry, if any."""


class TransferFollower:
    """A follower of several transfers. ``timeout`` is in seconds; None waits forever.

    ``notice`` returns a line to print once nothing has happened for a while. Counts of ``lines``
    are printed when they are due.
    """

    def __init__(
        self,
        admin: AdminClient,
        views: Sequence[TransferView],
        *,
        show: Show,
        bars: bool,
        lines: Lines | None = None,
        timeout: float | None = None,
        notice: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._notice = notice
        self._last_news: float | None = time.monotonic()
        self._admin = admin.patient()
        self._views = {view.transfer_id: view for view in views}
        self._of = show
        self._lines = lines
        self._console = Console()
        self._forecasts = Forecasts(self._admin) if bars else None
        self._progress = _progress(self._console, shown=bars and self._console.is_terminal)
        self._tasks: dict[str, TaskID] = {}
        self._limit = None if timeout is None else time.monotonic() + timeout
        self._inbox: SimpleQueue[TimelineUpdate] = SimpleQueue()

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
                self._print(self._lines.flush() if self._lines else [])
        except KeyboardInterrupt:
            typer.echo("Stopped watching; the transfers continue.", err=True)
            raise
        return list(self._views.values())

    def _step(self) -> set[str]:
        """Process the latest news; return the transfers that are settled."""
        news = self._news()
        lines: list[Line] = []
        for item in news:
            if item.failure is not None:
                raise item.failure
            if item.entry is not None:
                lines += self._of(self._views[item.transfer_id], item.entry)
        if news:
            self._last_news = time.monotonic()
        elif self._last_news and time.monotonic() - self._last_news > _QUIET_SECONDS:
            self._last_news = None
            lines += [(text, "") for text in filter(None, [self._notice()])]
        due = self._lines.due(time.monotonic()) if self._lines else []
        self._print([*lines, *due])
        for transfer_id in {item.transfer_id for item in news}:
            self._views[transfer_id] = self._admin.transfers.get(transfer_id)
            self._show(self._views[transfer_id])
        return {item.transfer_id for item in news if item.entry is None}

    def _print(self, lines: Sequence[Line]) -> None:
        """Print all lines at once, since a bar is drawn again for each print."""
        if lines:
            self._console.print(joined(lines), soft_wrap=True, highlight=False)

    def _news(self) -> list[TimelineUpdate]:
        """Wait briefly for news, then return all there is."""
        news: list[TimelineUpdate] = []
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
            raise refusals.command.WATCH_TIMED_OUT(
                count=len(following),
                transfers=", ".join(sorted(following)),
                transfer=short_id(min(following)),
            )

    def _show(self, view: TransferView) -> None:
        deadline = f", until {minute(view.deadline)}" if view.deadline else ""
        ends = ""
        if self._forecasts is not None:
            ends = self._forecasts.ends(view)
            self._print(self._forecasts.risks(view))
        self._progress.update(
            self._tasks[view.transfer_id],
            completed=view.progress,
            description=clean(view.cloud_app_key if len(self._views) > 1 else view.status),
            facts=f"{plural(view.files, 'file')}, {decimal(view.bytes)}{deadline}{ends}",
        )


def all_succeeded(views: Sequence[TransferView]) -> bool:
    """Return whether the command that watched may end with status 0."""
    return all(view.status is TransferStatus.SUCCESS for view in views)


def _progress(console: Console, *, shown: bool) -> Progress:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=10),
        TextColumn("{task.completed:.0f} %"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[facts]}", markup=False),
    )
    return Progress(*columns, console=console, disable=not shown)
