"""Summarize an entry of a timeline: labels instead of ids, and only the first line of an error."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ferryman.console.words import event, short, size, span
from ferryman.sentences import sentence
from ferryman.wire.transfer import TimelineEntry

Facts = Mapping[str, Any]


class EntrySummarizer:
    """Summarizes entries of one transfer; ``known`` are entries that resolve ids to labels."""

    def __init__(self, known: Sequence[TimelineEntry]) -> None:
        self._messages = {
            str(each.data.get("messageId")): each.data
            for each in known
            if each.kind in ("message.created", "message.not_routed")
        }
        self._files = {
            str(each.data.get("key")): each.data for each in known if each.kind == "upload.begun"
        }

    def __call__(self, entry: TimelineEntry) -> str:
        """Return what happened, on one line."""
        writer = _WRITERS.get(entry.kind)
        if writer is None:
            return sentence(entry)
        about = self._messages.get(str(entry.data.get("messageId")), {})
        about = about or self._files.get(str(entry.data.get("key")), {})
        return writer({**about, **entry.data})


def _subject(facts: Facts) -> str:
    name = event(str(facts.get("eventType") or "event"))
    label = facts.get("label")
    return f"{name} · {label}" if label else name


def _file(facts: Facts) -> str:
    return str(facts.get("label") or f"file {short(str(facts.get('key', '?')))}")


def _attempt(facts: Facts) -> str:
    length = facts.get("durationMs")
    took = f" in {span(length)}" if isinstance(length, int) else ""
    target = facts.get("target")
    to = f" → {target}" if target else ""
    return f"{_subject(facts)}{to}, attempt {facts.get('number', '?')}{took}"


def _failed(facts: Facts) -> str:
    reason = str(facts.get("reason") or facts.get("error") or facts.get("cause") or "")
    return f"{_attempt(facts)}: {reason.strip().splitlines()[0] if reason.strip() else 'failed'}"


def _undelivered(facts: Facts) -> str:
    reason = str(facts.get("reason") or facts.get("error") or "").strip()
    return f"{_subject(facts)} given up" + (f": {reason.splitlines()[0]}" if reason else "")


def _called(facts: Facts) -> str:
    claim = facts.get("claim")
    again = f", call {claim}" if isinstance(claim, int) and claim > 1 else ""
    return f"listener called by the agent {facts.get('agentId', '?')}{again}"


def _status(word: object) -> str:
    return str(word).replace("_", " ").lower()


_WRITERS: Mapping[str, Callable[[Facts], str]] = {
    "transfer.changed": lambda f: f"{_status(f.get('before'))} → {_status(f.get('after'))}",
    "listener.claimed": _called,
    "upload.begun": lambda f: f"{_file(f)} begun",
    "upload.aborted": lambda f: f"{_file(f)} given up: {f.get('reason')}",
    "app_data.uploaded": lambda f: f"{_file(f)} stored, {size(f.get('size'))}",
    "message.created": _subject,
    "message.not_routed": lambda f: f"{_subject(f)} has no trigger, so it was not sent",
    "message.acknowledged": lambda f: f"{_subject(f)} acknowledged: {_status(f.get('status'))}",
    "message.redelivered": lambda f: f"{_subject(f)} to be delivered again",
    "message.undelivered": _undelivered,
    "attempt.delivered": _attempt,
    "attempt.failed": _failed,
    "attempt.lost": lambda f: f"{_attempt(f)}: its worker ended",
    "log.added": lambda f: str(f.get("message", "")),
}
