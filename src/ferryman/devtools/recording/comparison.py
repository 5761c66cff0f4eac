"""Compare a recording with its replay: what the handler did differently."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from ferryman.devtools.recording.kept import StateDifference
from ferryman.vocab import AckStatus, TransferStatus
from ferryman.wire.base import Wire
from ferryman.wire.recording import (
    RecordedCall,
    RecordedLine,
    RecordedMessage,
    RecordedRun,
)


class StatusPair(Wire, frozen=True):
    """The final status in the recording and in the replay."""

    recorded: TransferStatus
    replayed: TransferStatus


class EventDifference(Wire, frozen=True):
    """An event that only one of the runs has, or whose content differs; texts are as sent."""

    message_id: str
    event_type: str
    recorded: str | None
    replayed: str | None


class MessageDifference(Wire, frozen=True):
    """An event with other outcomes of its attempts or another acknowledgement."""

    message_id: str
    event_type: str
    label: str | None
    recorded_attempts: list[str]
    replayed_attempts: list[str]
    recorded_acknowledgement: AckStatus | None
    replayed_acknowledgement: AckStatus | None
    error: str | None


class CallDifference(Wire, frozen=True):
    """A call that was made or answered more or less often than in the recording."""

    method: str
    path: str
    query: str
    request: str | None
    status: int
    recorded: int
    replayed: int


class ComparisonReport(Wire, frozen=True):
    """All differences; ``calls_compared`` is False if the recording has no calls.

    Two fields tell how far the replay may differ whatever the app does: ``filled`` are the keys of
    files whose bytes are not in the recording, and ``unsure_mappings`` is the number of mappings
    that may have been different at the time. ``state`` compares what the app keeps, if
    ``state_compared``; ``earlier_state`` of the recorded values and objects are older than the
    migration, and were not there in the replay.
    """

    transfer_id: str
    same: bool
    status: StatusPair
    events: list[EventDifference]
    messages: list[MessageDifference]
    calls: list[CallDifference]
    calls_compared: bool
    refused: list[str]
    filled: list[str]
    unsure_mappings: int
    state: list[StateDifference] = []
    state_compared: bool = False
    earlier_state: int = 0


@dataclass
class RunSummary:
    """The observations of one run."""

    run: RecordedRun
    messages: Sequence[RecordedMessage] = ()
    calls: Sequence[RecordedCall] = ()


def summarize(lines: Iterable[RecordedLine]) -> RunSummary:
    """Return a run, given its lines."""
    run: RecordedRun | None = None
    messages: list[RecordedMessage] = []
    calls: list[RecordedCall] = []
    for line in lines:
        match line:
            case RecordedRun():
                run = line
            case RecordedMessage():
                messages.append(line)
            case RecordedCall():
                calls.append(line)
            case _:
                pass
    if run is None:
        raise ValueError("no first line")
    return RunSummary(run, messages, calls)


def compare(
    before: RunSummary,
    after: RunSummary,
    *,
    bare: bool,
    refused: Sequence[str] = (),
    filled: Sequence[str] = (),
) -> ComparisonReport:
    """Return the differences; ``bare``: the recording lacks bodies and queries of calls.

    Neither the order of calls is compared, since attempts run concurrently, nor the times at
    which the app acted. ``refused`` are the steps that could not be repeated.
    """
    old = {message.message_id: message for message in before.messages}
    new = {message.message_id: message for message in after.messages}
    everyone = list(dict.fromkeys((*old, *new)))
    events = [d for key in everyone if (d := _event(old.get(key), new.get(key))) is not None]
    messages = [
        _message(old[key], new[key])
        for key in everyone
        if key in old and key in new and _answer(old[key]) != _answer(new[key])
    ]
    compared = before.run.calls_recorded and after.run.calls_recorded
    calls = _calls(before.calls, after.calls, bare=bare) if compared else []
    status = StatusPair(recorded=before.run.transfer.status, replayed=after.run.transfer.status)
    alike = status.recorded is status.replayed
    return ComparisonReport(
        transfer_id=before.run.transfer.transfer_id,
        same=alike and not (events or messages or calls or refused),
        status=status,
        events=events,
        messages=messages,
        calls=calls,
        calls_compared=compared,
        refused=list(refused),
        filled=list(filled),
        unsure_mappings=before.run.unsure_mappings,
    )


def _event(old: RecordedMessage | None, new: RecordedMessage | None) -> EventDifference | None:
    either = old or new
    bodies = [None if each is None else each.body for each in (old, new)]
    if either is None or bodies[0] == bodies[1]:
        return None
    return EventDifference(
        message_id=either.message_id,
        event_type=either.event_type,
        recorded=bodies[0],
        replayed=bodies[1],
    )


def _outcomes(message: RecordedMessage) -> list[str]:
    # One that a killed worker lost says nothing of the handler.
    return [attempt.outcome for attempt in message.attempts if attempt.outcome != "LOST"]


def _answer(message: RecordedMessage) -> object:
    return _outcomes(message), message.acknowledgement


def _message(old: RecordedMessage, new: RecordedMessage) -> MessageDifference:
    event: dict[str, Any] = msgspec.json.decode(new.body)
    label = event.get("label")
    errors = [
        attempt.error for attempt in new.attempts if attempt.error and attempt.outcome != "LOST"
    ]
    return MessageDifference(
        message_id=new.message_id,
        event_type=new.event_type,
        label=label if isinstance(label, str) else None,
        recorded_attempts=_outcomes(old),
        replayed_attempts=_outcomes(new),
        recorded_acknowledgement=old.acknowledgement,
        replayed_acknowledgement=new.acknowledgement,
        error=errors[-1] if errors else None,
    )


_Call = tuple[str, str, str, str, int]


def _calls(
    old: Sequence[RecordedCall], new: Sequence[RecordedCall], *, bare: bool
) -> list[CallDifference]:
    shown: dict[_Call, RecordedCall] = {}
    before, after = (_counted(calls, shown, bare=bare) for calls in (old, new))
    return [
        CallDifference(
            method=call.method,
            path=call.path,
            query="" if bare else call.query,
            request=None if bare else call.request,
            status=call.status,
            recorded=before[key],
            replayed=after[key],
        )
        for key, call in shown.items()
        if before[key] != after[key]
    ]


def _counted(
    calls: Sequence[RecordedCall], shown: dict[_Call, RecordedCall], *, bare: bool
) -> Mapping[_Call, int]:
    counts: Counter[_Call] = Counter()
    for call in calls:
        content = ("", "") if bare else (call.query, call.request_sha256)
        key = (call.method, call.path, *content, call.status)
        shown.setdefault(key, call)
        counts[key] += 1
    return counts
