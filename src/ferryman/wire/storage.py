"""What the operator sees of stored files, of their proof and of their end.

Times are epoch milliseconds, sizes bytes, digests lower-case hex.
"""

from ferryman.vocab import AckStatus
from ferryman.wire.base import Wire
from ferryman.wire.upload import StoredPart


class FileView(Wire, frozen=True):
    """One file with what proves it; ``deleted_at`` once its life has ended."""

    key: str
    label: str | None
    size: int
    sha256: str
    parts: list[StoredPart]
    created_at: int
    message_id: str
    acknowledgement: AckStatus | None
    acknowledged_at: int | None
    deleted_at: int | None


class FilePage(Wire, frozen=True):
    """``GET /admin/v1/transfers/{transferId}/app-data``, by key.

    A page ends early when its files have many parts.
    """

    items: list[FileView]
    next_cursor: str | None = None


class FileProof(Wire, frozen=True, tag_field="kind", tag="file"):
    """What reading one file showed.

    ``outcome`` is ``PROVEN``, ``DIFFERENT``, ``UNREADABLE``, ``MISSING``, ``EXTRA`` (in the store,
    but no file of the transfer) or ``DELETED`` (its life has ended; nothing was read).
    ``size`` and ``sha256`` are those of the bytes read.
    """

    key: str
    label: str | None
    outcome: str
    size: int | None = None
    sha256: str | None = None
    differences: list[str] = []


class ProofProgress(Wire, frozen=True, tag_field="kind", tag="progress"):
    """How far a verification is."""

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
    """The last line of a verification that could not go on."""

    code: str
    expected: str
    found: str
    fix: str


ProofLine = FileProof | ProofProgress | ProofEnd | ProofFailure


class SweepRequest(Wire, frozen=True):
    """``POST /admin/v1/storage/sweep``; ``remove_unknown`` also deletes files that no row knows."""

    remove_unknown: bool = False


class Finding(Wire, frozen=True):
    """A difference between store and database.

    ``kind`` is ``missing`` (a file that the store does not have) or ``unknown`` (an object that
    no row knows).
    """

    kind: str
    key: str
    transfer_id: str | None = None
    label: str | None = None


class SweepReport(Wire, frozen=True):
    """What one sweep did and found; ``findings`` are the first hundred."""

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
    findings: list[Finding]


class StorageView(Wire, frozen=True):
    """``GET /admin/v1/storage``; ``last_error`` is why the latest sweep broke off, if it did."""

    files: int
    bytes: int
    deleted_files: int
    open_uploads: int
    next_sweep_at: int | None
    last_sweep: SweepReport | None
    last_error: str | None
