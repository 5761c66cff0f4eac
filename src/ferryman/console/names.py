"""Names of code in the words of people: kinds of entries, checks, operations, callers."""

from collections.abc import Mapping

from ferryman.domain.access import OPERATOR

_KINDS: Mapping[str, str] = {
    "transfer.created": "transfer created",
    "transfer.released": "transfer offered",
    "transfer.changed": "status changed",
    "transfer.rerun": "transfer re-run",
    "transfer.paused": "transfer paused",
    "transfer.resumed": "transfer resumed",
    "transfer.extended": "transfer extended",
    "transfer.named": "transfer split",
    "listener.claimed": "listener called",
    "listener.running": "listener running",
    "listener.returned": "listener returned",
    "listener.threw": "listener failed",
    "upload.begun": "upload begun",
    "upload.aborted": "upload given up",
    "app_data.uploaded": "file stored",
    "message.created": "message created",
    "message.not_routed": "event not sent",
    "message.acknowledged": "acknowledged",
    "message.redelivered": "message redelivered",
    "message.undelivered": "message given up",
    "attempt.delivered": "delivered",
    "attempt.failed": "attempt failed",
    "attempt.lost": "attempt lost",
    "log.added": "app's log",
}

_CHECKS: Mapping[str, str] = {
    "migrations": "database schema",
    "objectStore": "object store",
}


def kind_in_words(kind: str) -> str:
    """Return the kind of an entry for people; one of a newer platform keeps its own words."""
    return _KINDS.get(kind) or kind.replace(".", " ").replace("_", " ")


def check_in_words(name: str) -> str:
    """Return the name of a check of the platform for people."""
    return _CHECKS.get(name, name)


def operation_in_words(name: str) -> str:
    """Return the name of an operation for people."""
    return name.replace("_", " ")


def who(name: object) -> str:
    """Return the name of a call's author; the operator token names no person."""
    return "the operator" if name == OPERATOR.name else str(name)


def called(told: str) -> str:
    """Return the name of somebody that :func:`who` told."""
    return OPERATOR.name if told.strip() == who(OPERATOR.name) else told
