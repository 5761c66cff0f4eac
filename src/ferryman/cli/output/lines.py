"""Format what happens to a transfer as lines for people: short, with repeats folded.

Without a terminal, or with ``--verbose``, lines are those of the timeline, as a log needs every
entry in full. On a terminal a line has time, label, function, event and outcome; an error is shown
in full once, and repeats within a few seconds are counted.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from ferryman.cli.ids import FullIds, short_id
from ferryman.cli.output.entries import ShortEntry, shortened
from ferryman.cli.output.fold import Fold
from ferryman.client import timeline_text
from ferryman.client.text import Line, clean, instant
from ferryman.vocab import TransferStatus
from ferryman.wire.transfer import TimelineEntry


class Level(Enum):
    """The amount of output."""

    QUIET = "quiet"
    NORMAL = "normal"
    VERBOSE = "verbose"


def level_of(*, quiet: bool, verbose: bool) -> Level:
    """Return the level that the two options select; raises ``BadParameter`` for both."""
    if quiet and verbose:
        raise typer.BadParameter("expected --quiet or --verbose; found both.")
    return Level.QUIET if quiet else Level.VERBOSE if verbose else Level.NORMAL


@dataclass(frozen=True)
class LineOptions:
    """The options for the output of a command that follows a transfer."""

    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Show only errors and the result.")
    ] = False
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", help="Show every entry in full, with ids and details."),
    ] = False
    full_ids: FullIds = False

    def lines(self, *, result: bool = True) -> "Lines":
        """Return the lines of a command; ``result``: the command prints the result itself.

        Raises ``BadParameter`` for both quiet and verbose.
        """
        level = level_of(quiet=self.quiet, verbose=self.verbose)
        terminal = Console().is_terminal
        return Lines(level, terminal=terminal, full_ids=self.full_ids, result=result)


STYLES = {
    "attempt.failed": "red",
    "attempt.lost": "red",
    "listener.threw": "red",
    "upload.aborted": "red",
    "message.undelivered": "bold red",
    "message.not_routed": "yellow",
    "message.acknowledged": "green",
    "transfer.changed": "bold",
}
_ERRORS = {
    "attempt.failed",
    "attempt.lost",
    "listener.threw",
    "message.not_routed",
    "message.undelivered",
    "upload.aborted",
}
_LEFT_OUT = {"message.created", "listener.running", "upload.begun"}
"""The lines that follow repeat it."""

_ID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_SHOWN_ERRORS = 200
INDENT = " " * 10
"""The indentation of text below a time."""


class Lines:
    """The lines of one command, in order; on a ``terminal`` they are short.

    ``result``: the command itself says how a transfer ended, so quiet lines need not.
    """

    def __init__(
        self, level: Level, *, terminal: bool, full_ids: bool = False, result: bool = False
    ) -> None:
        self._level = level
        self._result = result
        self._short = terminal and level is not Level.VERBOSE
        self.id: Callable[[str], str] = str if full_ids else short_id
        self._fold = Fold()
        self._head = ""
        self._shown_errors: dict[tuple[object, ...], None] = {}

    @property
    def quiet(self) -> bool:
        """Return whether only errors and outcomes are shown."""
        return self._level is Level.QUIET

    @property
    def verbose(self) -> bool:
        """Return whether every entry is shown in full."""
        return self._level is Level.VERBOSE

    @property
    def short(self) -> bool:
        """Return whether lines are short; ids and words around them should be short too."""
        return self._short

    def of(self, entry: TimelineEntry, who: str, now: float) -> list[Line]:
        """Return the lines to show for an entry of the transfer ``who``, at ``now`` seconds."""
        if not self._is_shown(entry):
            return []
        style = STYLES.get(entry.kind, "")
        if not self._short:
            prefix = f"{who}  " if who else ""
            return [(f"{prefix}{timeline_text.line(entry)}", style)]
        if entry.kind in _LEFT_OUT:
            return []
        short = shortened(entry, self.id)
        at = instant(entry.at) or ""
        text = short.text + self._detail(entry.kind, short)
        shown = clean(f"{at[11:19]}  {text}").replace("\n", "\n" + INDENT)
        head = self._headed(f"-- {at[:10]} UTC  {who}".rstrip())
        return [*head, *self._fold.add((entry.kind, *short.key), (shown, style), now)]

    def line(self, key: tuple[object, ...], line: Line, now: float) -> list[Line]:
        """Add a line from another source, such as the calls of an app, with the same folding."""
        if self._level is Level.QUIET and not line[1]:
            return []
        return self._fold.add(key, line, now) if self._short else [line]

    def words(self, text: str) -> str:
        """Return a text of the platform with its ids in the format of this command."""
        return _ID.sub(lambda found: self.id(found[0]), text) if self._short else text

    def due(self, now: float) -> list[Line]:
        """Return what was counted and is due by now."""
        return self._fold.due(now)

    def flush(self) -> list[Line]:
        """Return all that was counted."""
        return self._fold.flush()

    def _is_shown(self, entry: TimelineEntry) -> bool:
        if self._level is not Level.QUIET or entry.kind in _ERRORS:
            return True
        if self._result:
            return False
        after = entry.data.get("after")
        return entry.kind == "transfer.changed" and after in {
            status.value for status in TransferStatus if status.final
        }

    def _headed(self, head: str) -> list[Line]:
        """Return a heading with day and transfer if it is new, since virtual time jumps."""
        if head == self._head:
            return []
        self._head = head
        return [*self._fold.flush(), (clean(head), "dim")]

    def _detail(self, kind: str, short: ShortEntry) -> str:
        key = (kind, short.detail)
        if not short.detail or key in self._shown_errors:
            return ""
        if len(self._shown_errors) >= _SHOWN_ERRORS:
            del self._shown_errors[next(iter(self._shown_errors))]
        self._shown_errors[key] = None
        return f"\n{short.detail}"


def joined(lines: Sequence[Line]) -> Text:
    """Return lines joined, each in its style."""
    return Text("\n").join(Text(text, style=style) for text, style in lines)
