"""Replacing what must not leave: content goes, sizes and digests stay.

Labels and mapped keys become ``redacted-`` and sixteen hex digits, the same ones for the same
text within one recording; they are made with a key that nobody keeps. Of app data nothing is
there. With any of the three, texts that may repeat it go too: bodies and queries of calls (but not
acknowledgements), what functions printed, log lines, feedback.
"""

from collections.abc import Collection
from hashlib import blake2b
from typing import Any

import msgspec

from ferryman.ids import new_secret
from ferryman.recording.form import Redaction
from ferryman.wire.recording import (
    RecordedCall,
    RecordedEntry,
    RecordedFile,
    RecordedLine,
    RecordedMapping,
    RecordedMessage,
    RecordedRun,
)

_TEXTS = frozenset({"message", "label"})
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
                bare = [replace(each, output=None, error=None) for each in line.attempts]
                redacted = replace(line, body=self._body(line.body), attempts=bare)
            case RecordedFile():
                redacted = replace(line, label=self._label(line.label))
            case RecordedCall():
                request = line.request if line.path.endswith("/status") else None
                redacted = replace(line, query="", request=request, answer=None)
            case RecordedMapping() if Redaction.MAPPINGS in self.wanted:
                keys = self._hidden(line.server_key), self._hidden(line.cloud_key)
                redacted = replace(line, server_key=keys[0], cloud_key=keys[1])
            case RecordedEntry():
                kept = {name: value for name, value in line.data.items() if name not in _TEXTS}
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


def filler(size: int) -> bytes:
    """Up to ``size`` bytes that stand in for content that was left out: one line, again and again.

    A multiple of the line's length is asked for, but for the last piece.
    """
    return (_FILLER * (size // len(_FILLER) + 1))[:size]


FILLER_PIECE = len(_FILLER) << 12
"""How many bytes of it to write at once."""
