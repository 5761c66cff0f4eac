"""Redact recordings: content is removed, all sizes and the digests of files stay.

Labels and mapped keys become ``redacted-`` and sixteen hex digits, equal for equal texts within
one recording; the key for this is thrown away. App data is left out. With any of the three, all
texts that may repeat it are removed too: calls except for their names and the messages that they
acknowledged, output and exceptions of functions, reasons, log lines, feedback. Digests of such
texts are removed as well, since short texts are quickly found by trying.
"""

from collections.abc import Collection
from hashlib import blake2b
from typing import Any
from uuid import UUID

import msgspec

from ferryman.devtools.recording.layout import Redaction
from ferryman.ids import new_secret
from ferryman.vocab import AckStatus
from ferryman.wire.base import Wire
from ferryman.wire.recording import (
    RecordedCall,
    RecordedEntry,
    RecordedFile,
    RecordedLine,
    RecordedMapping,
    RecordedMessage,
    RecordedRun,
)

_FACTS = frozenset(
    (
        *("messageId", "eventType", "number", "durationMs", "cause"),
        *("key", "size", "sha256", "partsSha256"),
        *("before", "after", "skippedBy", "status", "percent", "progress"),
        *("app", "agentId", "transferId", "originalTransferId", "transferName", "dependsOn"),
    )
)
"""Fields that a timeline entry keeps; any other may be, or repeat, a text of the app."""
_TEXTS = ("output", "error", "error_class", "error_message", "error_frame")
"""Fields that an attempt loses; its cause stays, since that is a code of the platform."""
_FILLER = b"This content was left out of the recording.\n"


class Redactor:
    """A redactor for the lines of one recording; ``wanted`` names what to replace."""

    def __init__(self, redactions: Collection[Redaction]) -> None:
        self.wanted = sorted(set(redactions))
        self._key = new_secret()

    def redact(self, line: RecordedLine) -> RecordedLine:
        """Return the redacted line."""
        if not self.wanted:
            return line
        replace, redacted = msgspec.structs.replace, line
        match line:
            case RecordedRun():
                view = replace(line.transfer, status_message=None)
                redacted = replace(line, transfer=view, feedback=None)
            case RecordedMessage():
                texts = dict.fromkeys(_TEXTS)
                bare = [replace(attempt, **texts) for attempt in line.attempts]
                body = self._body(line.body)
                redacted = replace(line, body=body, attempts=bare, reason=None)
            case RecordedFile():
                redacted = replace(line, label=self._label(line.label))
            case RecordedCall():
                bared = {"query": "", "request_sha256": "", "answer": None, "answer_sha256": ""}
                redacted = replace(line, request=_acknowledgement(line), **bared)
            case RecordedMapping() if Redaction.MAPPINGS in self.wanted:
                keys = self._hidden(line.server_key), self._hidden(line.cloud_key)
                redacted = replace(line, server_key=keys[0], cloud_key=keys[1])
            case RecordedEntry():
                kept = {name: value for name, value in line.data.items() if name in _FACTS}
                redacted = replace(line, data=kept)
            case _:
                pass
        return redacted

    def _body(self, body: str) -> str:
        event: dict[str, Any] = msgspec.json.decode(body)
        if Redaction.LABELS not in self.wanted or event.get("label") is None:
            return body
        return msgspec.json.encode(event | {"label": self._label(event["label"])}).decode()

    def _label(self, label: str | None) -> str | None:
        if label is None or Redaction.LABELS not in self.wanted:
            return label
        return self._hidden(label)

    def _hidden(self, text: str) -> str:
        digest = blake2b(text.encode(), digest_size=8, key=self._key)
        return f"redacted-{digest.hexdigest()}"


class _Acknowledgement(Wire, frozen=True):
    """The public part of an acknowledgement; an app may have written more."""

    status: AckStatus
    message_ids: list[UUID]


def _acknowledgement(call: RecordedCall) -> str | None:
    if call.request is None or not call.path.endswith("/status"):
        return None
    try:
        return msgspec.json.encode(
            msgspec.json.decode(call.request, type=_Acknowledgement)
        ).decode()
    except msgspec.DecodeError:
        return None


def filler(size: int) -> bytes:
    """Return up to ``size`` bytes of filler for content that was left out: one repeated line.

    Callers ask for a multiple of the line's length, except for the last piece.
    """
    return (_FILLER * (size // len(_FILLER) + 1))[:size]


FILLER_PIECE = len(_FILLER) << 12
"""The number of bytes to write at once."""
