"""Write one entry of a timeline in short: label, function, event and outcome, by its kind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.filesize import decimal

from ferryman.cli.ids import short_id
from ferryman.client.text import event_name
from ferryman.sentences import sentence
from ferryman.wire.transfer import TimelineEntry


@dataclass(frozen=True, slots=True)
class ShortEntry:
    """A short timeline entry; ``detail`` is shown once."""

    text: str
    key: tuple[object, ...]
    detail: str = ""


def shortened(entry: TimelineEntry, ids: Callable[[str], str] = short_id) -> ShortEntry:
    """Return an entry in short; one of an unknown kind as it is in the timeline."""
    writer = _WRITERS.get(entry.kind)
    if writer is not None:
        return writer(_Facts(entry.data, ids))
    text = sentence(entry)
    return ShortEntry(text, (text,))


class _Facts:
    """The data of an entry; a missing value is an empty text, not an error."""

    def __init__(self, data: Mapping[str, Any], ids: Callable[[str], str]) -> None:
        self._data = data
        self._ids = ids

    def __call__(self, name: str) -> str:
        value = self._data.get(name)
        return "" if value is None else str(value)

    def id(self, name: str) -> str:
        return self._ids(self(name))

    @property
    def event(self) -> str:
        """Return the event's name without the common prefix."""
        return event_name(self("eventType"))

    @property
    def what(self) -> tuple[str, ...]:
        """Return label, function and event of an attempt, or else its message."""
        facts = tuple(filter(None, (self("label"), self("target"), self.event)))
        return facts or (f"message {self.id('messageId')}",)


def _entry(*parts: str) -> ShortEntry:
    text = "  ".join(filter(None, parts))
    return ShortEntry(text, (text,))


def _delivered(of: _Facts) -> ShortEntry:
    again = f", attempt {of('number')}" if of("number") not in ("", "1") else ""
    outcome = f"delivered in {of('durationMs')} ms{again}"
    return ShortEntry("  ".join((*of.what, outcome)), of.what)


def _failed(of: _Facts) -> ShortEntry:
    reason = of("reason") or of("error").strip().rpartition("\n")[2] or of("cause")
    outcome = f"attempt {of('number')} failed in {of('durationMs')} ms"
    error = of("error").rstrip()
    detail = "" if error == reason else _without_head(error, reason)
    text = f"{'  '.join((*of.what, outcome))}\n{reason}".rstrip()
    return ShortEntry(text, (*of.what, reason), detail)


def _without_head(error: str, reason: str) -> str:
    """Drop the first line of a stack if it repeats the reason above it."""
    head, _, stack = error.partition("\n")
    return stack if stack and reason.startswith(head) else error


def _stored(of: _Facts) -> ShortEntry:
    size = of("size")
    what = (of("label") or f"file {of.id('key')}", "stored")
    return ShortEntry("  ".join((*what, decimal(int(size)) if size.isdigit() else "")), what)


def _threw(of: _Facts) -> ShortEntry:
    return ShortEntry(f"listener threw {of('exceptionType')}", (of("error"),), of("error").rstrip())


_WRITERS: Mapping[str, Callable[[_Facts], ShortEntry]] = {
    "transfer.created": lambda of: _entry("transfer created" + _of_app(of)),
    "transfer.released": lambda _: _entry("offered to the agents"),
    "transfer.changed": lambda of: _entry(f"{of('before')} -> {of('after')}"),
    "transfer.rerun": lambda of: _entry(f"run again as transfer {of.id('transferId')}"),
    "listener.claimed": lambda of: _entry(f"listener called, claim {of('claim')}"),
    "listener.threw": _threw,
    "upload.aborted": lambda of: _entry(
        of("label") or f"file {of.id('key')}", f"given up: {of('reason')}"
    ),
    "app_data.uploaded": _stored,
    "message.not_routed": lambda of: _entry(of.event, "no trigger of the app names this event"),
    "message.acknowledged": lambda of: ShortEntry(
        f"message {of.id('messageId')}  acknowledged: {of('status')}", (of("status"),)
    ),
    "message.redelivered": lambda of: _entry(f"message {of.id('messageId')}  delivered again"),
    "message.undelivered": lambda of: _entry(f"message {of.id('messageId')}  given up"),
    "attempt.delivered": _delivered,
    "attempt.failed": _failed,
    "attempt.lost": lambda of: _entry(*of.what, f"attempt {of('number')} lost"),
    "log.added": lambda of: _entry(f"log: {of('message')}"),
}


def _of_app(of: _Facts) -> str:
    original = f", again in place of {of.id('originalTransferId')}"
    return f", app {of('app')}" if of("app") else original if of("originalTransferId") else ""
