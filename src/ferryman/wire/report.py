"""The report of a migration: what was carried, what failed and why, who did what (ADR 78).

It is JSON in a fixed layout, one line each: a head, the items of each section, and a last line with
a signature over all bytes before it. So it is written and checked in one pass, in constant memory.
Times are epoch milliseconds, sizes are bytes.
"""

from typing import Any

import msgspec

from ferryman.vocab import AckStatus, MessageState, TransferStatus
from ferryman.wire.base import Wire

VERSION = 1
AUDIENCE = "migration-report"
"""The audience of the signature, a JWT; its ``form`` is ``json`` or ``html``."""

SIGNATURE_LINE = b'],"signature":"'
"""Beginning of the last line of the JSON; the token and ``"}`` follow."""
HTML_SIGNATURE = b"<!-- signature: "
"""Beginning of the last line of the page; the token and ``-->`` follow."""
HTML_BEGIN = b'<script type="application/json" id="report">\n'
HTML_END = b"</script>\n"
"""The lines around the JSON in the page."""


class ReportMigration(Wire, frozen=True):
    """The migration, as it was planned."""

    migration_id: str
    migration_scope_id: str
    name: str
    customer: str
    cloud_url: str
    source_id: str
    created_at: int
    started_at: int | None


class ReportTotals(Wire, frozen=True):
    """Sums over all transfers; ``statuses`` counts those that were not re-run."""

    transfers: int
    statuses: dict[str, int]
    files: int
    bytes: int
    messages: int
    acknowledged: int
    failed: int
    undelivered: int
    attempts: int


class ReportHead(Wire, frozen=True):
    """The first line; a migration is ``settled`` when none of its transfers can change."""

    version: int
    made_at: int
    made_by: str
    settled: bool
    reread: bool
    migration: ReportMigration
    totals: ReportTotals


class ReportDigests(Wire, frozen=True):
    """Counts of how accepted files of a transfer were proven; ``deleted`` are gone."""

    sha256: int
    parts_sha256: int
    deleted: int


class Reread(Wire, frozen=True):
    """What reading every byte again for this report found; ``differences`` are files, ``such_as``
    describes the first of them. ``failure`` says why it was not read to its end."""

    files: int
    bytes: int
    proven: int
    deleted: int
    differences: int
    such_as: list[str] = []
    failure: str | None = None


class ReportTransfer(Wire, frozen=True):
    """A transfer; ``why`` is the first broken link of its explanation, unless all hold."""

    transfer_id: str
    original_transfer_id: str | None
    transfer_name: str | None
    cloud_app_key: str
    environment: str
    status: TransferStatus
    started_at: int | None
    settled_at: int | None
    files: int
    bytes: int
    messages: int
    acknowledged: int
    failed: int
    undelivered: int
    attempts: int
    digests: ReportDigests
    reread: Reread | None
    why: str | None
    cause: str | None
    fix: str | None


class ReportLabel(Wire, frozen=True):
    """The files of a transfer with one label, and what became of their messages."""

    transfer_id: str
    label: str | None
    files: int
    bytes: int
    acknowledged: int
    failed: int
    undelivered: int
    deleted: int


class ReportMissing(Wire, frozen=True):
    """Keys of a namespace that a transfer did not find; ``count`` is an estimate, or exact."""

    transfer_id: str
    namespace: str
    count: int
    exact: bool
    wrong_form: bool
    such_as: list[str]


class ReportFailure(Wire, frozen=True):
    """A message that was given up or acknowledged FAILED; texts are cut."""

    transfer_id: str
    message_id: str
    event_type: str
    label: str | None
    state: MessageState
    acknowledgement: AckStatus | None
    attempts: int
    reason: str | None
    cause: str | None
    status: int | None
    error_class: str | None
    error_message: str | None
    error_frame: str | None
    at: int


class ReportAction(Wire, frozen=True):
    """A row of the audit log about the migration, its transfers or its messages."""

    seq: int
    at: int
    actor: str
    role: str
    operation: str
    target: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class MigrationReport(ReportHead, frozen=True):
    """The whole document; ``signature`` is a JWT over the sha256 of all bytes before its line."""

    transfers: list[ReportTransfer]
    labels: list[ReportLabel]
    missing: list[ReportMissing]
    failures: list[ReportFailure]
    actions: list[ReportAction]
    signature: str


SECTIONS: dict[str, type[Wire]] = {
    "transfers": ReportTransfer,
    "labels": ReportLabel,
    "missing": ReportMissing,
    "failures": ReportFailure,
    "actions": ReportAction,
}
"""The sections in order, with what their items are."""

_ENCODER = msgspec.json.Encoder()
_MARKUP = {
    b"<": b"\\u003c",
    b">": b"\\u003e",
    b"&": b"\\u0026",
    "\u2028".encode(): b"\\u2028",
    "\u2029".encode(): b"\\u2029",
}


def encoded(value: object) -> bytes:
    """Return a value as JSON that may stand in a page: it holds no markup, and no line end."""
    text = _ENCODER.encode(value)
    for character, escape in _MARKUP.items():
        text = text.replace(character, escape)
    return text


class LineReader:
    """Reads the lines of a report one by one, and knows to which section an item belongs."""

    def __init__(self) -> None:
        self.section: str | None = None

    def read(self, line: bytes) -> Wire | str | None:
        """Return the head, the name of a section that begins, an item, or None for the end.

        Raises ``msgspec.DecodeError`` for any other line.
        """
        text = line.rstrip(b"\n")
        if text.startswith(SIGNATURE_LINE):
            return None
        name = text.rpartition(b',"')[2].removesuffix(b'":[').decode("utf-8", "replace")
        if text.endswith(b'":[') and name in SECTIONS:
            begins, self.section = self.section is None, name
            if not begins:
                return name
            head, _, _ = text.rpartition(b',"')
            return msgspec.json.decode(head + b"}", type=ReportHead)
        if self.section is None:
            raise msgspec.DecodeError("a line before the first section")
        return msgspec.json.decode(text.removesuffix(b","), type=SECTIONS[self.section])
