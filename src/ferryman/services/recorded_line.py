"""How a line of a recording leaves the platform: without any secret."""

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
"""What a Forge app's own variables are called where we run; a function may print them."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What must not be found: the ``shared`` secret anywhere, ``printed`` values in no text."""

    shared: list[bytes]
    printed: list[bytes]

    @classmethod
    def of(cls, environ: Mapping[str, str], shared: str | None) -> Self:
        """The secret of a Connect app, and what apps are given as variables."""
        values = [value for name, value in environ.items() if name.startswith(_VARIABLES)]
        return cls(as_json([shared or ""]), as_json(values))


def leaving(line: RecordedLine, secrets: Secrets) -> bytes:
    """The line as JSON.

    Events, and what a replay is begun with, stay as they were: of an app's variables some are
    addresses or names that stand there too. They hold no address with a query of ours.
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
            said = bare(line.transfer.status_message, str | None)
            line = replace(
                line,
                transfer=replace(line.transfer, status_message=said),
                feedback=bare(line.feedback, dict[str, Any] | None),
            )
        case RecordedMessage():
            line = replace(
                line,
                reason=bare(line.reason, str | None),
                attempts=bare(line.attempts, list[AttemptView]),
            )
    return without(msgspec.json.encode(line), secrets.shared)
