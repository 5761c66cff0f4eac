"""What happened to a recorded transfer from outside, in its order."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ferryman.recording.reading import Recording
from ferryman.vocab import (
    AckStatus,
    AppKind,
    ConnectEventType,
    EventType,
    GivenUp,
    TransferStatus,
)
from ferryman.wire.recording import RecordedEntry, RecordedFile

_BEFORE_DEADLINE_MS = 1000
_MOST_TOUCHES = 10_000
"""Fourteen days have some 1,350 windows; a recording may say anything."""

_SUCCESS = "success"
_LISTENER = {"listener.running": "run", "listener.returned": "return"}
_EVENTS: Mapping[str, str] = {
    EventType.EXPORTED: "complete",
    EventType.ERRORED: "error",
    ConnectEventType.ERRORED: "error",
}


@dataclass(frozen=True, slots=True)
class Step:
    """Something done to the transfer, ``at`` an instant in epoch milliseconds."""

    at: int
    kind: str
    file: RecordedFile | None = None
    message_id: str = ""
    label: str | None = None


def steps(recording: Recording) -> list[Step]:
    """All of them.

    The timeline has them in their order; instants alone do not tell it where time stands still,
    or where files were accepted together. A file whose entry is gone stands at its instant.
    """
    view = recording.run.transfer
    files = {file.key: file for file in recording.files}
    told: list[Step] = []
    latest = 0
    ended = _ended_uploads(recording.entries)
    for entry in recording.entries:
        # A transaction has the time of its beginning, and may have waited for another one.
        latest = max(latest, entry.at)
        told += [replace(step, at=latest) for step in _of_entry(entry, files, ended)]
    known = {step.file.key for step in told if step.file is not None}
    found = [Step(file.created_at, "upload", file) for file in files.values()]
    found = [step for step in found if step.file is not None and step.file.key not in known]
    if view.started_at is not None:
        found.insert(0, Step(view.started_at, "claim"))
    elif view.status is TransferStatus.SKIPPED and view.settled_at is not None:
        found.append(Step(view.settled_at, "cancel"))
    ordered = sorted([*found, *told], key=lambda step: step.at)
    return _kept_alive(recording, ordered)


def _ended_uploads(entries: Iterable[RecordedEntry]) -> Mapping[str, str]:
    """Why, by key, uploads that were begun are not waited for: registered, or the reason."""
    return {
        str(entry.data.get("key")): str(entry.data.get("reason", "registered"))
        for entry in entries
        if entry.kind in ("app_data.uploaded", "upload.aborted")
    }


def _of_listener(entry: RecordedEntry) -> str | None:
    """After a second claim the deadline alone ends no export, as with a listener that reports."""
    again = entry.kind == "listener.claimed" and entry.data.get("claim", 1) != 1
    return "run" if again else _LISTENER.get(entry.kind)


def _of_entry(
    entry: RecordedEntry, files: Mapping[str, RecordedFile], ended: Mapping[str, str]
) -> Iterator[Step]:
    """An entry that tells of something from outside."""
    kind, data = entry.kind, entry.data
    if step := _of_listener(entry):
        yield Step(entry.at, step)
    elif kind in ("upload.begun", "upload.aborted"):
        yield from _unfinished(entry, ended)
    elif kind == "app_data.uploaded":
        file = files.get(str(data.get("key")))
        if file is not None:
            yield Step(entry.at, "upload", file)
    elif kind in ("message.created", "message.not_routed"):
        if step := _EVENTS.get(str(data.get("eventType"))):
            yield Step(entry.at, step)
    elif kind == "transfer.changed":
        if data.get("after") == TransferStatus.CANCELLATION_REQUESTED:
            yield Step(entry.at, "cancel")
    elif kind == "message.redelivered":
        yield Step(entry.at, "redeliver", message_id=str(data.get("messageId")))


def _unfinished(entry: RecordedEntry, ended: Mapping[str, str]) -> Iterator[Step]:
    """A file that was left open, or whose writer failed."""
    label = entry.data.get("label")
    if entry.data.get("reason") == GivenUp.WRITER_FAILED:
        yield Step(entry.at, "fail", label=label)
    elif entry.kind == "upload.begun" and str(entry.data.get("key")) not in ended:
        yield Step(entry.at, "begin", label=label)


def _kept_alive(recording: Recording, ordered: Sequence[Step]) -> list[Step]:
    """The steps, and among them ``touch``: bytes that were on their way.

    Whoever uploads a long file asks where its parts go, which moves the deadline and is not
    written down. Where the transfer lived on past every deadline that is known, that must have
    happened; when exactly does not matter.
    """
    run, view = recording.run, recording.run.transfer
    if run.app.kind is not AppKind.FORGE or view.started_at is None:
        return list(ordered)
    window = round(run.window_seconds * 1000)
    early = min(_BEFORE_DEADLINE_MS, window // 2)
    successes = [
        Step(message.acknowledged_at, _SUCCESS)
        for message in recording.messages
        if message.acknowledgement is AckStatus.SUCCESS and message.acknowledged_at is not None
    ]
    moved, touches, found = view.started_at, 0, list[Step]()
    for step in sorted([*successes, *ordered], key=lambda step: step.at):
        # What is redelivered may be the news that it settled.
        lives = step.kind != "redeliver" or step.at < (view.settled_at or 0)
        while lives and moved + window <= step.at and touches < _MOST_TOUCHES:
            moved += window - early
            touches += 1
            found.append(Step(moved, "touch"))
        if step.kind in ("upload", _SUCCESS):
            moved = max(moved, step.at)
        elif step.kind == "cancel":
            touches = _MOST_TOUCHES  # from here on there is no such deadline
        if step.kind != _SUCCESS:
            found.append(step)
    return found
