"""Read the marks of a timeline's picture from its entries."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ferryman.console.entry_summary import EntrySummarizer
from ferryman.console.names import kind_in_words
from ferryman.console.words import cut
from ferryman.wire.overview import BacklogPoint
from ferryman.wire.transfer import TimelineEntry

LANES = ("transfer", "listener", "uploads", "deliveries", "app's log", "acknowledgements")
_TRANSFER, _LISTENER, _UPLOADS, _DELIVERIES, _LOG, _ACKNOWLEDGEMENTS = range(len(LANES))

_TITLE = 160
_POINTS = {
    "transfer": _TRANSFER,
    "log": _LOG,
    "message.not_routed": _DELIVERIES,
    "message.redelivered": _DELIVERIES,
    "message.undelivered": _DELIVERIES,
    "message.acknowledged": _ACKNOWLEDGEMENTS,
}
"""Lanes of entries that are points, by kind or noun."""

_LASTING = {"upload": _UPLOADS, "app_data": _UPLOADS, "listener": _LISTENER, "attempt": _DELIVERIES}
"""Lanes of entries that begin or end something, by noun."""


def lane_of(kind: str) -> int | None:
    """Return the lane of a kind of entries; None: they have no place in the picture."""
    noun = kind.partition(".")[0]
    return _POINTS.get(kind, _POINTS.get(noun, _LASTING.get(noun)))


@dataclass(frozen=True, slots=True)
class Mark:
    """A bar from ``start`` to ``end``, or a point if they are equal, in epoch milliseconds.

    ``tone`` is good, bad, warn, run or wait; ``seq`` is the entry that a click chooses.
    """

    lane: int
    start: int
    end: int
    tone: str
    title: str
    seq: int

    @property
    def is_bar(self) -> bool:
        """Return whether it lasted."""
        return self.end > self.start


def marks_of(
    entries: Sequence[TimelineEntry], now: int | None, returned_at: int | None = None
) -> list[Mark]:
    """Return the marks of entries in order.

    What a transfer has begun lasts until ``now``, which only one that runs has, or until its last
    entry; its listener until ``returned_at``.
    """
    reader = _Reader(EntrySummarizer(entries))
    marks = [mark for entry in entries for mark in reader.read(entry)]
    until = now or (entries[-1].at if entries else 0)
    return [*marks, *reader.left(until, returned_at)]


class _Reader:
    """Remembers what has begun, until the entry that ends it."""

    def __init__(self, summary_of: EntrySummarizer) -> None:
        self._summary_of = summary_of
        self._uploads: dict[str, TimelineEntry] = {}
        self._listener: TimelineEntry | None = None

    def read(self, entry: TimelineEntry) -> Iterator[Mark]:
        """Yield the marks that an entry ends."""
        match entry.kind:
            case "upload.begun":
                self._uploads[str(entry.data.get("key"))] = entry
            case "app_data.uploaded" | "upload.aborted":
                begun = self._uploads.pop(str(entry.data.get("key")), entry)
                tone = "good" if entry.kind == "app_data.uploaded" else "warn"
                yield self._mark(_UPLOADS, entry, tone, start=begun.at)
            case "listener.claimed" | "listener.returned" | "listener.threw":
                yield from self._listener_mark(entry)
            case "attempt.delivered" | "attempt.failed" | "attempt.lost":
                length = entry.data.get("durationMs")
                start = entry.at - (length if isinstance(length, int) else 0)
                tone = "good" if entry.kind == "attempt.delivered" else "bad"
                yield self._mark(_DELIVERIES, entry, tone, start=start)
            case _:
                noun = entry.kind.partition(".")[0]
                lane = _POINTS.get(entry.kind, _POINTS.get(noun))
                if lane is not None:
                    yield self._mark(lane, entry, _tone(entry))

    def left(self, until: int, returned_at: int | None) -> Iterator[Mark]:
        """Yield the marks of what has not ended by ``until``."""
        for begun in self._uploads.values():
            yield self._mark(_UPLOADS, begun, "run", end=max(until, begun.at))
        if self._listener is not None:
            tone, end = ("good", returned_at) if returned_at else ("run", until)
            yield self._mark(_LISTENER, self._listener, tone, end=max(end, self._listener.at))

    def _listener_mark(self, entry: TimelineEntry) -> Iterator[Mark]:
        begun = self._listener
        if entry.kind == "listener.claimed":
            self._listener = entry
            if begun is not None:
                yield self._mark(_LISTENER, begun, "warn", end=entry.at)
            return
        self._listener = None
        tone = "good" if entry.kind == "listener.returned" else "bad"
        yield self._mark(_LISTENER, entry, tone, start=(begun or entry).at)

    def _mark(
        self,
        lane: int,
        entry: TimelineEntry,
        tone: str,
        *,
        start: int | None = None,
        end: int | None = None,
    ) -> Mark:
        begin = entry.at if start is None else start
        until = entry.at if end is None else end
        title = cut(f"{kind_in_words(entry.kind)}: {self._summary_of(entry)}", _TITLE)
        return Mark(lane, min(begin, until), until, tone, title, entry.seq)


def _tone(entry: TimelineEntry) -> str:
    match entry.kind:
        case "message.acknowledged":
            return "good" if entry.data.get("status") == "SUCCESS" else "bad"
        case "message.undelivered":
            return "bad"
        case "message.not_routed":
            return "warn"
        case "transfer.changed":
            after = str(entry.data.get("after", ""))
            return {"SUCCESS": "good", "FAILED": "bad", "TIMED_OUT": "bad"}.get(after, "run")
        case _:
            return "wait"


def backlog_of(entries: Sequence[TimelineEntry], now: int | None) -> list[BacklogPoint]:
    """Return how many files were outstanding after each entry that changed it."""
    points: list[BacklogPoint] = []
    uploaded = acknowledged = 0
    files = {
        str(each.data.get("messageId"))
        for each in entries
        if each.kind == "message.created" and each.data.get("label") is not None
    } | {str(each.data.get("messageId")) for each in entries if each.kind == "app_data.uploaded"}
    for entry in entries:
        if entry.kind == "app_data.uploaded":
            uploaded += 1
        elif entry.kind == "message.acknowledged" and str(entry.data.get("messageId")) in files:
            acknowledged += 1
        else:
            continue
        points.append(_backlog(entry.at, uploaded, acknowledged))
    if points and now is not None:
        points.append(_backlog(now, uploaded, acknowledged))
    return points


def _backlog(at: int, uploaded: int, acknowledged: int) -> BacklogPoint:
    outstanding = max(0, uploaded - acknowledged)
    return BacklogPoint(
        at=at, uploaded=uploaded, acknowledged=acknowledged, outstanding=outstanding
    )
