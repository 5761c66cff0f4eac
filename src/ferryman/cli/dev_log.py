"""What ``ferryman dev`` shows: all transfers' timelines, function output, and the app's calls."""

import json
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, SimpleQueue

from ferryman.cli import admin_calls as calls
from ferryman.cli import timeline
from ferryman.cli.connection import Admin
from ferryman.cli.follow import News, start_following
from ferryman.cli.render import clean
from ferryman.sdk.errors import ClientError
from ferryman.wire.transfer import TimelineEntry

_NEWEST = 50
_MOST_LINES = 500
_SURFACES = ("/app/migration/forge/", "/rest/atlassian-connect/", "/wiki/rest/")
_STYLES = {
    "attempt.failed": "red",
    "attempt.lost": "red",
    "message.undelivered": "bold red",
    "message.not_routed": "yellow",
    "message.acknowledged": "green",
    "transfer.changed": "bold",
}

Line = tuple[str, str]


class Log:
    """Follows every transfer from now on; ``served`` is the log of the platform's process."""

    def __init__(self, admin: Admin, served: Path) -> None:
        self._admin = admin
        self._patient = admin.patient()
        self._served = served
        self._read = 0
        self._inbox: SimpleQueue[News] = SimpleQueue()
        self._known: set[str] = set()
        self._begun = False

    def news(self) -> Iterator[Line]:
        """Lines and their styles, in the order in which they became known."""
        self._find()
        yield from self._calls()
        try:
            for _ in range(_MOST_LINES):
                news = self._inbox.get_nowait()
                if news.failure is not None:
                    yield clean(f"no longer following {news.transfer_id}: {news.failure}"), "red"
                elif news.entry is not None:
                    yield from self._told(news.transfer_id, news.entry)
        except Empty:
            return

    def _find(self) -> None:
        """Follow the transfers that are new; of an earlier run only those that still go on."""
        for migration in self._admin.call(calls.list_migrations(None, _NEWEST)).items:
            for transfer in migration.transfers:
                if transfer.transfer_id in self._known:
                    continue
                self._known.add(transfer.transfer_id)
                if self._begun or not transfer.status.final:
                    start_following(self._patient, transfer.transfer_id, self._inbox)
        self._begun = True

    def _told(self, transfer_id: str, entry: TimelineEntry) -> Iterator[Line]:
        style = _STYLES.get(entry.kind, "")
        yield f"{transfer_id[:8]}  {timeline.line(entry)}", style
        if entry.kind in ("attempt.delivered", "attempt.failed"):
            for text in self._output(str(entry.data.get("messageId")), entry.data.get("number")):
                yield f"{transfer_id[:8]}    | {clean(text)}", "dim"

    def _output(self, message_id: str, number: object) -> list[str]:
        try:
            view = self._admin.call(calls.get_message(message_id))
        except ClientError:
            return []
        said = [each.output for each in view.attempts if each.number == number and each.output]
        return [line for text in said for line in text.splitlines()]

    def _calls(self) -> Iterator[Line]:
        """The calls of apps, which the platform's process writes into its log."""
        lines, self._read = calls_in(self._served, self._read)
        yield from lines


def calls_in(served: Path, begin: int) -> tuple[list[Line], int]:
    """Find what apps did in the platform's log from ``begin`` on, and where to go on."""
    with served.open("rb") as file:
        file.seek(begin)
        whole, end, _ = file.read(1 << 20).rpartition(b"\n")
    return list(_told_calls(whole)), begin + len(whole) + len(end)


def _told_calls(log: bytes) -> Iterator[Line]:
    for text in log.splitlines():
        try:
            entry = json.loads(text)
            event = entry.get("event")
            route = entry["route"] if event == "request.answered" else ""
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        if event == "function.failed_late":
            yield clean(f"late      {entry.get('function')} failed after it had returned"), "red"
            yield from ((clean(f"            | {line}"), "dim") for line in _lines(entry))
        if str(route).startswith(_SURFACES):
            status = entry.get("status")
            milliseconds = round(1000 * entry.get("seconds", 0))
            said = f"{entry.get('method')} {route}: {status} in {milliseconds} ms"
            who = entry.get("app") or "an app that is not known"
            yield clean(f"call      {said}, by {who}"), "" if status == 200 else "red"


def _lines(entry: dict[str, object]) -> list[str]:
    return str(entry.get("said") or "").splitlines()
