"""The chain of the audit log: each row has the hash of the one before (ADR 0063)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

START = b""
"""The hash before the first row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Changes of one call; ``before`` and ``after`` are JSON, without secrets."""

    at: datetime
    actor: str
    role: str
    address: str | None
    request: str | None
    operation: str
    customer: str | None
    target: str | None
    before: str | None
    after: str | None


def content(entry: Entry) -> bytes:
    """Return what the hash of a row covers: each field with its length, so that none can shift."""
    return b"".join(_fields(entry))


def link(previous: bytes, seq: int, entry: Entry) -> bytes:
    """Return the hash of a row, given that of the row before it."""
    return sha256(previous + seq.to_bytes(8) + content(entry)).digest()


def _fields(entry: Entry) -> Iterator[bytes]:
    for name in Entry.__dataclass_fields__:
        value = getattr(entry, name)
        if value is None:
            yield b"-"
            continue
        text = value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
        data = text.encode()
        yield b"%d:" % len(data) + data
