"""Show what happens in ``ferryman dev``: timelines, output of functions, calls of the app."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from ferryman.cli.output.lines import INDENT, Lines
from ferryman.client.admin import AdminClient
from ferryman.client.follow import TimelineUpdate, start_following
from ferryman.client.text import Line, clean
from ferryman.devtools.dev.calls import call_line, entries_in, is_call
from ferryman.sdk.errors import ClientError
from ferryman.wire.transfer import TimelineEntry

_NEWEST = 50
_MOST_LINES = 500
_KEPT_BYTES = 3_000
"""The size of the beginning of its output that an attempt always keeps."""

_LIVE_BYTES = 60_000
"""Output that was shown live up to this size may have had more after it."""

_LAST_LINES = 20


@dataclass(slots=True)
class Printed:
    """The part of an attempt's output that was shown live."""

    lines: int = 0
    size: int = 0


class Log:
    """The log of every transfer from now on; ``served`` is the platform's own log.

    With ``beside``, a command shows its own transfer, so only output of functions and refused
    calls, which it cannot know, are shown.
    """

    def __init__(
        self, admin: AdminClient, served: Path, lines: Lines, *, beside: bool = False
    ) -> None:
        self._beside = beside
        self._admin = admin
        self._patient = admin.patient()
        self._served = served
        self._lines = lines
        self._read = 0
        self._inbox: SimpleQueue[TimelineUpdate] = SimpleQueue()
        self._known: set[str] = set()
        self._begun = False
        self._printed: dict[tuple[object, object], Printed] = {}

    def new_lines(self) -> Iterator[Line]:
        """Yield new lines and their styles, in the order in which they became known."""
        self._find()
        yield from self._of_platform()
        # One transfer after the other; a heading separates their lines.
        for update in sorted(self._arrived(), key=lambda each: each.transfer_id):
            if update.failure is not None:
                yield clean(f"no longer following {update.transfer_id}: {update.failure}"), "red"
            elif update.entry is not None:
                yield from self._entry_lines(update.transfer_id, update.entry)
        yield from self._lines.due(time.monotonic())

    def _arrived(self) -> Iterator[TimelineUpdate]:
        try:
            for _ in range(_MOST_LINES):
                yield self._inbox.get_nowait()
        except Empty:
            return

    def _find(self) -> None:
        """Follow new transfers, and those of an earlier run that are still running."""
        for migration in self._admin.migrations.list(None, _NEWEST).items:
            for transfer in migration.transfers:
                if transfer.transfer_id in self._known:
                    continue
                self._known.add(transfer.transfer_id)
                if self._begun or not transfer.status.final:
                    start_following(self._patient, transfer.transfer_id, self._inbox)
        self._begun = True

    def _entry_lines(self, transfer_id: str, entry: TimelineEntry) -> Iterator[Line]:
        ended = entry.kind in ("attempt.delivered", "attempt.failed")
        if ended:
            yield from self._of_platform()  # what its function printed comes before
            yield from self._rest(transfer_id, entry.data)
        if self._beside:
            return
        short = self._lines.short
        who = f"transfer {self._lines.id(transfer_id)}" if short else transfer_id[:8]
        yield from self._lines.of(entry, who, time.monotonic())

    def _rest(self, transfer_id: str, attempt: Mapping[str, Any]) -> Iterator[Line]:
        """Yield the output of an attempt that was not shown live."""
        which = attempt.get("messageId"), attempt.get("number")
        printed = self._printed.pop(which, Printed())
        if self._lines.quiet or _KEPT_BYTES < printed.size < _LIVE_BYTES:
            return
        try:
            view = self._admin.messages.get(str(which[0]))
        except ClientError:
            return
        outputs = [
            tried.output for tried in view.attempts if tried.number == which[1] and tried.output
        ]
        rest = rest_of([line for text in outputs for line in text.splitlines()], printed)
        yield from self._output(rest, transfer_id, attempt.get("target"))

    def _of_platform(self) -> Iterator[Line]:
        """Yield new entries of the platform's log: calls of apps, output of functions."""
        entries, self._read = entries_in(self._served, self._read)
        for entry in entries:
            match entry.get("event"):
                case "function.printed":
                    yield from self._live(entry)
                case "function.waits_for_debugger":
                    where = f"{entry.get('function')} waits for a debugger at 127.0.0.1:"
                    yield clean(f"debug     {where}{entry.get('port')}"), "bold"
                case "function.failed_late":
                    text = f"late      {entry.get('function')} failed after it had returned"
                    yield clean(text), "red"
                    yield from (
                        (f"{INDENT}  | {clean(line)}", "dim") for line in _output_lines(entry)
                    )
                case "request.answered" if is_call(entry):
                    key, line = call_line(entry, short=self._lines.short)
                    if line[1] or not self._beside:
                        yield from self._lines.line(key, line, time.monotonic())

    def _live(self, entry: Mapping[str, Any]) -> Iterator[Line]:
        text = str(entry.get("text"))
        which = entry.get("message"), entry.get("number")
        printed = self._printed.setdefault(which, Printed())
        lines = text.splitlines()
        printed.lines += len(lines)
        printed.size += len(text.encode())
        # An event of a queue belongs to no transfer.
        whose = str(entry.get("transfer") or entry.get("queue"))
        yield from self._output(lines, whose, entry.get("function"))

    def _output(self, lines: Iterable[str], whose: str, function: object) -> Iterator[Line]:
        if self._lines.quiet:
            return
        head = f"{INDENT}{function} |" if self._lines.short else f"{whose[:8]:<8}    |"
        yield from ((clean(f"{head} {line}"), "dim") for line in lines)


def rest_of(lines: list[str], printed: Printed) -> list[str]:
    """Return the lines of an attempt's stored output that were not shown live.

    The middle of long output is cut out, so only its beginning can be matched.
    """
    if printed.size <= _KEPT_BYTES:
        return lines[printed.lines :]
    return lines[-_LAST_LINES:] if printed.size >= _LIVE_BYTES else []


def _output_lines(entry: Mapping[str, Any]) -> list[str]:
    return str(entry.get("said") or "").splitlines()
