"""The manifest of a transfer: what its files were, for both sides to keep.

Times are epoch milliseconds, sizes bytes, digests lower-case hex.
"""

import msgspec

from ferryman.wire.base import Wire

VERSION = 1


class ManifestPart(Wire, frozen=True, omit_defaults=True):
    """A stretch of a file; ``etag`` stands for the sha256 that its uploader did not name."""

    number: int
    size: int
    sha256: str | None
    etag: str | msgspec.UnsetType = msgspec.UNSET


class ManifestFile(Wire, frozen=True):
    """One file; ``created_at`` is when all of it was stored."""

    key: str
    label: str | None
    size: int
    sha256: str
    created_at: int
    parts: list[ManifestPart]


class ManifestTransfer(Wire, frozen=True):
    """The transfer, by what no longer changes once its export is complete."""

    transfer_id: str
    original_transfer_id: str | None
    transfer_name: str | None
    started_at: int | None
    export_completed_at: int | None


class ManifestMigration(Wire, frozen=True):
    """The migration that the transfer is part of."""

    migration_id: str
    migration_scope_id: str
    name: str
    cloud_url: str
    created_at: int


class ManifestApp(Wire, frozen=True):
    """The app whose data it is."""

    server_app_key: str
    cloud_app_key: str
    environment: str


class ManifestHead(Wire, frozen=True):
    """What stands before the files."""

    version: int
    transfer: ManifestTransfer
    migration: ManifestMigration
    app: ManifestApp


class ManifestTotals(Wire, frozen=True):
    """How many files, and bytes of all."""

    files: int
    bytes: int


class Manifest(ManifestHead, frozen=True):
    """The whole document; ``sha256`` is that of all bytes before its last line."""

    files: list[ManifestFile]
    totals: ManifestTotals
    sha256: str
