"""Replacing what must not leave: content goes, sizes of all and digests of files stay.

Labels and mapped keys become ``redacted-`` and sixteen hex digits, the same ones for the same
text within one recording; they are made with a key that nobody keeps. Of app data nothing is
there. With any of the three, whatever may repeat it goes too: of calls all but what they were and
which messages they acknowledged, what functions printed and threw, reasons, log lines, feedback.
Digests of such texts go with them: the few that a short one can be are soon tried.
"""

from collections.abc import Collection
from hashlib import blake2b
from typing import Any
from uuid import UUID

import msgspec

from ferryman.ids import new_secret
from ferryman.recording.form import Redaction
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
        *("key", "size", "sha256"),
        *("before", "after", "skippedBy", "status", "percent", "progress"),
        *("app", "agentId", "transferId", "originalTransferId", "transferName", "dependsOn"),
    )
)
"""What stays of an entry of the timeline. All else may be a text of the app, or repeat one."""
_TEXTS = ("output", "error", "error_class", "error_message", "error_frame")
"""What goes of an attempt. Its cause stays: that is a word of ours."""
_FILLER = b"This content was left out of the recording.\n"


class Redactor:
    """Replaces in the lines of one recording what ``wanted`` names."""

    def __init__(self, wanted: Collection[Redaction]) -> None:
        self.wanted = sorted(set(wanted))
        self._key = new_secret()

    def redact(self, line: RecordedLine) -> RecordedLine:
        """The line as it may leave."""
        if not self.wanted:
            return line
        replace, redacted = msgspec.structs.replace, line
        match line:
            case RecordedRun():
                view = replace(line.transfer, status_message=None)
                redacted = replace(line, transfer=view, feedback=None)
            case RecordedMessage():
                texts = dict.fromkeys(_TEXTS)
                bare = [replace(each, **texts) for each in line.attempts]
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
    """What an acknowledgement says that anyone may know; an app may have written more."""

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
    """Up to ``size`` bytes that stand in for content that was left out: one line, again and again.

    A multiple of the line's length is asked for, but for the last piece.
    """
    return (_FILLER * (size // len(_FILLER) + 1))[:size]


FILLER_PIECE = len(_FILLER) << 12
"""How many bytes of it to write at once."""
