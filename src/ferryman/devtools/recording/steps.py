"""The external events of a recorded transfer, in their order."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ferryman.devtools.recording.reading import Recording
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
"""Fourteen days have about 1,350 windows; a recording may claim any number."""

_SUCCESS = "success"
_LISTENER = {"listener.running": "run", "listener.returned": "return"}
_EVENTS: Mapping[str, str] = {
    EventType.EXPORTED: "complete",
    EventType.ERRORED: "error",
    ConnectEventType.ERRORED: "error",
}


@dataclass(frozen=True, slots=True)
class RecordedStep:
    """A step from outside; ``at`` is in epoch milliseconds."""

    at: int
    kind: str
    file: RecordedFile | None = None
    message_id: str = ""
    label: str | None = None


def steps(recording: Recording) -> list[RecordedStep]:
    """Return all steps in order.

    The order is that of the timeline; times alone do not give it where time is frozen or files
    were accepted together. A file without an entry is placed by its time.
    """
    view = recording.run.transfer
    files = {file.key: file for file in recording.files}
    entry_steps: list[RecordedStep] = []
    latest = 0
    ended = _ended_uploads(recording.entries)
    for entry in recording.entries:
        # A transaction has the time of its beginning, and may have waited for another one.
        latest = max(latest, entry.at)
        entry_steps += [replace(step, at=latest) for step in _of_entry(entry, files, ended)]
    known = {step.file.key for step in entry_steps if step.file is not None}
    uploads = [RecordedStep(file.created_at, "upload", file) for file in files.values()]
    uploads = [step for step in uploads if step.file is not None and step.file.key not in known]
    if view.started_at is not None:
        uploads.insert(0, RecordedStep(view.started_at, "claim"))
    elif view.status is TransferStatus.SKIPPED and view.settled_at is not None:
        uploads.append(RecordedStep(view.settled_at, "cancel"))
    ordered = sorted([*uploads, *entry_steps], key=lambda step: step.at)
    return _kept_alive(recording, ordered)


def _ended_uploads(entries: Iterable[RecordedEntry]) -> Mapping[str, str]:
    """Return, by key, why an upload that began is not waited for: registered, or the reason."""
    return {
        str(entry.data.get("key")): str(entry.data.get("reason", "registered"))
        for entry in entries
        if entry.kind in ("app_data.uploaded", "upload.aborted")
    }


def _of_listener(entry: RecordedEntry) -> str | None:
    """Return the step of a listener's entry; a second claim keeps the export open like a report."""
    again = entry.kind == "listener.claimed" and entry.data.get("claim", 1) != 1
    return "run" if again else _LISTENER.get(entry.kind)


def _of_entry(
    entry: RecordedEntry, files: Mapping[str, RecordedFile], ended: Mapping[str, str]
) -> Iterator[RecordedStep]:
    """Yield the steps of an entry that reports something from outside."""
    kind, data = entry.kind, entry.data
    if step := _of_listener(entry):
        yield RecordedStep(entry.at, step)
    elif kind in ("upload.begun", "upload.aborted"):
        yield from _unfinished(entry, ended)
    elif kind == "app_data.uploaded":
        file = files.get(str(data.get("key")))
        if file is not None:
            yield RecordedStep(entry.at, "upload", file)
    elif kind in ("message.created", "message.not_routed"):
        if step := _EVENTS.get(str(data.get("eventType"))):
            yield RecordedStep(entry.at, step)
    elif kind == "transfer.changed":
        if data.get("after") == TransferStatus.CANCELLATION_REQUESTED:
            yield RecordedStep(entry.at, "cancel")
    elif kind == "message.redelivered":
        yield RecordedStep(entry.at, "redeliver", message_id=str(data.get("messageId")))


def _unfinished(entry: RecordedEntry, ended: Mapping[str, str]) -> Iterator[RecordedStep]:
    """Yield the steps of a file that was left open, or whose writer failed."""
    label = entry.data.get("label")
    if entry.data.get("reason") == GivenUp.WRITER_FAILED:
        yield RecordedStep(entry.at, "fail", label=label)
    elif entry.kind == "upload.begun" and str(entry.data.get("key")) not in ended:
        yield RecordedStep(entry.at, "begin", label=label)


def _kept_alive(recording: Recording, ordered: Sequence[RecordedStep]) -> list[RecordedStep]:
    """Return the steps with ``touch`` steps added, for uploads in progress.

    Uploading a long file requests URLs for its parts, which moves the deadline and is not
    recorded. If the transfer outlived every known deadline, that must have happened; the exact
    time does not matter.
    """
    run, view = recording.run, recording.run.transfer
    if run.app.kind is not AppKind.FORGE or view.started_at is None:
        return list(ordered)
    window = round(run.window_seconds * 1000)
    early = min(_BEFORE_DEADLINE_MS, window // 2)
    successes = [
        RecordedStep(message.acknowledged_at, _SUCCESS)
        for message in recording.messages
        if message.acknowledgement is AckStatus.SUCCESS and message.acknowledged_at is not None
    ]
    moved, touches, made = view.started_at, 0, list[RecordedStep]()
    for step in sorted([*successes, *ordered], key=lambda step: step.at):
        # A redelivered message may be the event that the transfer settled.
        lives = step.kind != "redeliver" or step.at < (view.settled_at or 0)
        while lives and moved + window <= step.at and touches < _MOST_TOUCHES:
            moved += window - early
            touches += 1
            made.append(RecordedStep(moved, "touch"))
        if step.kind in ("upload", _SUCCESS):
            moved = max(moved, step.at)
        elif step.kind == "cancel":
            touches = _MOST_TOUCHES  # from here on there is no such deadline
        if step.kind != _SUCCESS:
            made.append(step)
    return made
