"""Files with what they are proven by."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from ferryman.store.database import SQL, Transaction
from ferryman.vocab import AckStatus
from ferryman.wire.upload import StoredPart

_MOST_PARTS = 10_000
"""In one page: parts are what takes memory, not files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file as it was accepted, and what became of it since."""

    key: UUID
    label: str | None
    size: int
    sha256: str
    parts: list[StoredPart]
    created_at: datetime
    message_id: UUID
    acknowledgement: AckStatus | None
    acknowledged_at: datetime | None
    deleted_at: datetime | None


async def files(
    tx: Transaction, transfer_id: UUID, *, after: UUID, size: int
) -> tuple[list[StoredFile], bool]:
    """Files by key, from above ``after`` on, and whether there are more.

    At most ``size``, and fewer when they have many parts, but at least one if there is any.
    """
    rows: list[Any] = [
        row
        async for row in SQL.app_data_files(
            tx.connection,
            transfer_id=transfer_id,
            after=after,
            size=size,
            most_parts=_MOST_PARTS,
        )
    ]
    return [_file(row) for row in rows], bool(rows) and rows[0]["found"] > len(rows)


async def totals(tx: Transaction, transfer_id: UUID) -> tuple[int, int]:
    """Files and bytes of a transfer that are kept."""
    row: Any = await SQL.kept_totals(tx.connection, transfer_id=transfer_id)
    return row["files"], row["bytes"]


async def uploads_without_file(
    tx: Transaction, transfer_id: UUID, *, after: UUID, size: int
) -> list[tuple[UUID, str | None]]:
    """Key and label of uploads that became no file and cannot become one any more."""
    rows = SQL.uploads_without_file(tx.connection, transfer_id=transfer_id, after=after, size=size)
    return [(row["key"], row["label"]) async for row in rows]


def _file(row: Any) -> StoredFile:
    plain = ("key", "label", "size", "sha256", "created_at", "message_id")
    given = row["acknowledgement"]
    return StoredFile(
        **{name: row[name] for name in plain},
        parts=msgspec.json.decode(row["parts"], type=list[StoredPart]),
        acknowledgement=given and AckStatus(given),
        acknowledged_at=row["acknowledged_at"],
        deleted_at=row["deleted_at"],
    )
