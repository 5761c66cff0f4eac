"""Files with the digests that prove their contents."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from ferryman.store.database import SQL, Transaction
from ferryman.store.table_copy import file_totals
from ferryman.vocab import Acknowledged, AckStatus
from ferryman.wire.upload import StoredPart

_MOST_PARTS = 10_000
"""Parts per page at most, since parts take memory rather than files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """An accepted file, with its later acknowledgement and deletion."""

    key: UUID
    label: str | None
    size: int
    sha256: str | None
    parts_sha256: str | None
    parts: list[StoredPart]
    created_at: datetime
    message_id: UUID
    acknowledgement: AckStatus | None
    acknowledged_at: datetime | None
    deleted_at: datetime | None


@dataclass(frozen=True, slots=True)
class ProvenBytes:
    """An accepted file, with only what proves its bytes."""

    key: UUID
    size: int
    sha256: str | None
    parts: list[StoredPart]


async def kept_after(tx: Transaction, after: UUID, *, size: int) -> list[ProvenBytes]:
    """Return up to ``size`` files of the platform with a key above ``after``, in key order."""
    return [
        ProvenBytes(
            row["key"],
            row["size"],
            row["sha256"],
            msgspec.json.decode(row["parts"], type=list[StoredPart]),
        )
        async for row in SQL.kept_after(tx.connection, after=after, size=size)
    ]


async def kept_bytes(tx: Transaction) -> int:
    """Return the bytes of all files of the platform."""
    return (await file_totals(tx.connection))[1]


async def files(
    tx: Transaction,
    transfer_id: UUID,
    *,
    label: str | None = None,
    acknowledgement: Acknowledged | None = None,
    after: UUID,
    size: int,
) -> tuple[list[StoredFile], bool]:
    """Return files with a key above ``after``, in key order, and whether there are more.

    Returns at most ``size`` files, fewer if they have many parts, but at least one if any is left.
    """
    rows: list[Any] = [
        row
        async for row in SQL.app_data_files(
            tx.connection,
            transfer_id=transfer_id,
            label=label,
            acknowledgement=acknowledgement,
            after=after,
            size=size,
            most_parts=_MOST_PARTS,
        )
    ]
    return [_file(row) for row in rows], bool(rows) and rows[0]["found"] > len(rows)


async def totals(tx: Transaction, transfer_id: UUID) -> tuple[int, int]:
    """Return number and total bytes of a transfer's files."""
    row: Any = await SQL.kept_totals(tx.connection, transfer_id=transfer_id)
    return row["files"], row["bytes"]


async def uploads_without_file(
    tx: Transaction, transfer_id: UUID, *, after: UUID, size: int
) -> list[tuple[UUID, str | None]]:
    """Return key and label of uploads that can no longer become a file."""
    rows = SQL.uploads_without_file(tx.connection, transfer_id=transfer_id, after=after, size=size)
    return [(row["key"], row["label"]) async for row in rows]


def _file(row: Any) -> StoredFile:
    plain = ("key", "label", "size", "sha256", "parts_sha256", "created_at", "message_id")
    acknowledgement = row["acknowledgement"]
    return StoredFile(
        **{name: row[name] for name in plain},
        parts=msgspec.json.decode(row["parts"], type=list[StoredPart]),
        acknowledgement=acknowledgement and AckStatus(acknowledgement),
        acknowledged_at=row["acknowledged_at"],
        deleted_at=row["deleted_at"],
    )
