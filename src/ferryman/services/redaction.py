"""Remove secrets from the lines of a recording."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import msgspec

from ferryman.domain.scrub import as_json, scrubbed, without
from ferryman.wire.recording import (
    RecordedCall,
    RecordedEnd,
    RecordedEntry,
    RecordedFile,
    RecordedLine,
    RecordedMapping,
    RecordedMessage,
    RecordedRun,
)
from ferryman.wire.transfer import AttemptView

_VARIABLES = "FORGE_USER_VAR_"
"""Prefix of the environment variables given to Forge apps, whose functions may print them."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """Values to remove: ``shared`` secrets everywhere, ``printed`` values from free text only."""

    shared: list[bytes]
    printed: list[bytes]

    @classmethod
    def of(cls, environ: Mapping[str, str], shared: str | None) -> Self:
        """Collect the secret of a Connect app and the values of all apps' variables."""
        values = [value for name, value in environ.items() if name.startswith(_VARIABLES)]
        return cls(as_json([shared or ""]), as_json(values))


def redacted_line(line: RecordedLine, secrets: Secrets) -> bytes:
    """Return the line as JSON, without secrets.

    Events and the input of a replay keep the values of variables, because some of those are URLs or
    names that legitimately occur there. They hold no signed URL of ours.
    """
    own = [*secrets.shared, *secrets.printed]

    def bare(value: Any, type_: Any) -> Any:
        return msgspec.json.decode(scrubbed(msgspec.json.encode(value), own), type=type_)

    replace = msgspec.structs.replace
    match line:
        case RecordedMapping() | RecordedFile() | RecordedEnd():
            return msgspec.json.encode(line)
        case RecordedCall() | RecordedEntry():
            return scrubbed(msgspec.json.encode(line), own)
        case RecordedRun():
            message = bare(line.transfer.status_message, str | None)
            line = replace(
                line,
                transfer=replace(line.transfer, status_message=message),
                feedback=bare(line.feedback, dict[str, Any] | None),
            )
        case RecordedMessage():
            line = replace(
                line,
                reason=bare(line.reason, str | None),
                attempts=bare(line.attempts, list[AttemptView]),
            )
    return without(msgspec.json.encode(line), secrets.shared)
