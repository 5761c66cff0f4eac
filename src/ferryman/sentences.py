"""Describe an entry of a timeline: a sentence by kind, then what the sentence leaves out."""

import json

from ferryman.wire.transfer import TimelineEntry

_SENTENCES = {
    "transfer.created": "transfer created",
    "transfer.released": "offered to the agents",
    "transfer.changed": "status {before} -> {after}",
    "transfer.rerun": "run again as transfer {transferId}",
    "transfer.paused": "paused by an operator",
    "transfer.resumed": "resumed by an operator",
    "transfer.extended": "extended by an operator until {until}",
    "transfer.named": "split by its listener, this transfer is {transferName}",
    "listener.claimed": "listener called by agent {agentId}, claim {claim}",
    "listener.running": "listener runs, as its agent reports",
    "listener.returned": "listener returned",
    "listener.threw": "listener threw {exceptionType}",
    "upload.begun": "file {key} begun",
    "upload.aborted": "file {key} given up: {reason}",
    "app_data.uploaded": "file {key} stored, {size} bytes",
    "message.created": "event {eventType}, message {messageId}",
    "message.not_routed": "event {eventType} has no trigger, message {messageId} not sent",
    "message.acknowledged": "message {messageId} acknowledged: {status}",
    "message.redelivered": "message {messageId} to be delivered again",
    "message.undelivered": "message {messageId} given up",
    "attempt.delivered": "message {messageId}, attempt {number}: delivered in {durationMs} ms",
    "attempt.failed": "message {messageId}, attempt {number}: failed in {durationMs} ms",
    "attempt.lost": "message {messageId}, attempt {number}: lost",
    "log.added": "log: {message}",
}
"""Kinds that are not named here are shown all the same: a newer platform may know more."""


class _Named(dict[str, object]):
    """Values for a sentence; remembers which of them it used."""

    def __init__(self, values: dict[str, object]) -> None:
        super().__init__(values)
        self.used: set[str] = set()

    def __getitem__(self, name: str) -> object:
        self.used.add(name)
        return super().__getitem__(name)

    def __missing__(self, name: str) -> object:
        return "?"


def sentence(entry: TimelineEntry) -> str:
    """Say what happened; members that the sentence does not name follow it."""
    values = _Named(entry.data)
    phrase = _SENTENCES.get(entry.kind, entry.kind).format_map(values)
    rest = {
        name: value
        for name, value in entry.data.items()
        if name not in values.used and value is not None
    }
    reasons = [str(text) for name in ("reason", "error") if (text := rest.pop(name, None))]
    # The error begins with the reason, unless that was taken out of a traceback.
    if len(reasons) > 1 and reasons[1].startswith(reasons[0]):
        del reasons[0]
    extras = "".join(f", {name} {_shown(value)}" for name, value in rest.items())
    return f"{phrase}{extras}" + (": " + "\n".join(reasons) if reasons else "")


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
