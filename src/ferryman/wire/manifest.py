"""The manifest of a transfer: the list of its files, for both sides to keep.

Times are epoch milliseconds, sizes are bytes, digests are lower-case hex.
"""

import msgspec

from ferryman.wire.base import Wire

VERSION = 2

READ_VERSIONS = (1, VERSION)
"""In version 1 every file has a ``sha256``, and none a ``parts_sha256``."""


class ManifestPart(Wire, frozen=True, omit_defaults=True):
    """A part of a file; ``etag`` replaces a sha256 that its uploader did not give."""

    number: int
    size: int
    sha256: str | None
    etag: str | msgspec.UnsetType = msgspec.UNSET


class ManifestFile(Wire, frozen=True):
    """A file; ``created_at`` is when it was complete.

    ``sha256`` is that of its bytes, ``parts_sha256`` that of its parts' digests; see a receipt.
    """

    key: str
    label: str | None
    size: int
    sha256: str | None
    created_at: int
    parts: list[ManifestPart]
    parts_sha256: str | None = None


class ManifestTransfer(Wire, frozen=True):
    """The transfer's fields that no longer change once its export is complete."""

    transfer_id: str
    original_transfer_id: str | None
    transfer_name: str | None
    started_at: int | None
    export_completed_at: int | None


class ManifestMigration(Wire, frozen=True):
    """The migration that the transfer belongs to."""

    migration_id: str
    migration_scope_id: str
    name: str
    cloud_url: str
    created_at: int


class ManifestApp(Wire, frozen=True):
    """The app that owns the data."""

    server_app_key: str
    cloud_app_key: str
    environment: str


class ManifestHead(Wire, frozen=True):
    """The document's members before the files."""

    version: int
    transfer: ManifestTransfer
    migration: ManifestMigration
    app: ManifestApp


class ManifestTotals(Wire, frozen=True):
    """The number of files and their total size in bytes."""

    files: int
    bytes: int


class TransferManifest(ManifestHead, frozen=True):
    """The whole document; ``sha256`` covers all bytes before its last line."""

    files: list[ManifestFile]
    totals: ManifestTotals
    sha256: str
