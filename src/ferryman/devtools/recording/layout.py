"""The form of a recording: a zip of JSON documents and the bytes of app data.

=================  ==========================================================================
``bundle.json``    version, what was left out, and size and sha256 of every other member
``run.json``       the transfer, its migration and its app (``RecordedRun``)
``*.ndjson``       lists, one JSON object a line: messages, files, calls, mappings, timeline
``state.ndjson``   what the app keeps, as ``ferryman state export`` writes it; absent if nothing
``payloads/KEY``   the bytes of a file, not compressed
=================  ==========================================================================
"""

import re
from enum import StrEnum

from ferryman.wire.base import Wire
from ferryman.wire.recording import (
    RecordedCall,
    RecordedEntry,
    RecordedFile,
    RecordedMapping,
    RecordedMessage,
)

FORMAT = "ferryman-recording"
VERSION = 2
WITHOUT_STATE = 1
"""The version of a recording without ``state.ndjson``, which any Ferryman reads."""
BUNDLE = "bundle.json"
RUN = "run.json"
LISTS = {
    RecordedMessage: "messages.ndjson",
    RecordedFile: "files.ndjson",
    RecordedCall: "calls.ndjson",
    RecordedMapping: "mappings.ndjson",
    RecordedEntry: "timeline.ndjson",
}
STATE = "state.ndjson"
PAYLOADS = "payloads/"
LINES = 1_000_000
"""The most messages, files, calls or timeline entries, which are held in memory, or lines of state.

Of these, a digest is held.
"""
LIST_BYTES = 2 << 30
"""The greatest size of a list."""
STATE_LINE_BYTES = 64 << 20
"""The greatest size of a line of state, in which every character of a value may be escaped."""
MEMBER = re.compile(
    r"run\.json|(?:messages|files|calls|mappings|timeline|state)\.ndjson"
    r"|payloads/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)
"""Every name that a member besides ``bundle.json`` may have."""


class Redaction(StrEnum):
    """The parts of a recording that may be left out."""

    PAYLOADS = "payloads"
    LABELS = "labels"
    MAPPINGS = "mappings"


class RecordingMember(Wire, frozen=True):
    """Size and sha256 of a member's bytes; ``redacted`` if anything was replaced in it."""

    name: str
    size: int
    sha256: str
    redacted: bool = False


class RecordingBundle(Wire, frozen=True):
    """The content of ``bundle.json``; ``state`` says whether what the app keeps was recorded."""

    format: str
    version: int
    ferryman: str
    redacted: list[Redaction]
    members: list[RecordingMember]
    state: bool = False
