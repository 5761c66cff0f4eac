"""The operator's view of stored files, their verification and their deletion.

Times are epoch milliseconds, sizes are bytes, digests are lower-case hex. ``sha256`` is that of a
file's bytes, ``parts_sha256`` that of its parts' digests; either may be null, as in a receipt.
"""

from ferryman.vocab import AckStatus
from ferryman.wire.base import Wire
from ferryman.wire.upload import StoredPart


class FileView(Wire, frozen=True):
    """A file with its digests; ``deleted_at`` is set once it was deleted."""

    key: str
    label: str | None
    size: int
    sha256: str | None
    parts_sha256: str | None
    parts: list[StoredPart]
    created_at: int
    message_id: str
    acknowledgement: AckStatus | None
    acknowledged_at: int | None
    deleted_at: int | None


class FilePage(Wire, frozen=True):
    """Response of ``GET /admin/v1/transfers/{transferId}/app-data``, by key.

    A page is shorter than asked for when its files have many parts.
    """

    items: list[FileView]
    next_cursor: str | None = None


class FileProof(Wire, frozen=True, tag_field="kind", tag="file"):
    """The result of reading one file.

    ``outcome`` is ``PROVEN``, ``DIFFERENT``, ``UNREADABLE``, ``MISSING``, ``EXTRA`` (in the store,
    but not a file of the transfer) or ``DELETED`` (its lifetime is over; nothing was read).
    ``size`` and digests are those of the bytes read, as far as the file was accepted with them.
    """

    key: str
    label: str | None
    outcome: str
    size: int | None = None
    sha256: str | None = None
    parts_sha256: str | None = None
    differences: list[str] = []


class ProofProgress(Wire, frozen=True, tag_field="kind", tag="progress"):
    """The progress of a verification."""

    files: int
    bytes: int
    total_files: int
    total_bytes: int


class ProofEnd(Wire, frozen=True, tag_field="kind", tag="end"):
    """The last line of a verification that read everything."""

    files: int
    bytes: int
    proven: int
    deleted: int
    differences: int


class ProofFailure(Wire, frozen=True, tag_field="kind", tag="failure"):
    """The last line of a verification that could not continue."""

    code: str
    expected: str
    found: str
    fix: str


ProofLine = FileProof | ProofProgress | ProofEnd | ProofFailure


class SweepRequest(Wire, frozen=True):
    """Body of ``POST /admin/v1/storage/sweep``; ``remove_unknown`` also deletes unknown objects."""

    remove_unknown: bool = False


class StorageFinding(Wire, frozen=True):
    """A difference between store and database.

    ``kind`` is ``missing`` (a file that the store does not have) or ``unknown`` (an object without
    a row in the database).
    """

    kind: str
    key: str
    transfer_id: str | None = None
    label: str | None = None


class SweepReport(Wire, frozen=True):
    """The results of one sweep; ``findings`` has the first hundred."""

    started_at: int
    finished_at: int
    deleted_files: int
    deleted_bytes: int
    closed_uploads: int
    stray_uploads: int
    stray_files: int
    checked_files: int
    missing_files: int
    unknown_files: int
    removed_unknown: int
    findings: list[StorageFinding]


class StorageView(Wire, frozen=True):
    """Response of ``GET /admin/v1/storage``; ``last_error`` is the last sweep's error, if any."""

    files: int
    bytes: int
    deleted_files: int
    open_uploads: int
    next_sweep_at: int | None
    last_sweep: SweepReport | None
    last_error: str | None
