"""App data: files that are complete."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from ferryman.store.database import SQL, Transaction
from ferryman.store.transfer import StoredTransfer, stored_transfer
from ferryman.wire.upload import StoredPart


@dataclass(frozen=True, slots=True, kw_only=True)
class AppData:
    """One file."""

    key: UUID
    transfer_id: UUID
    upload_id: UUID
    message_id: UUID
    label: str | None
    size: int
    sha256: str


async def accept(
    tx: Transaction, transfer_id: UUID, files: Sequence[tuple[AppData, list[StoredPart]]]
) -> None:
    """Accept files of a transfer's uploads; their parts keep the digests they are proven by."""
    await SQL.accept_app_data(
        tx.connection,
        transfer_id=transfer_id,
        keys=[file.key for file, _ in files],
        upload_ids=[file.upload_id for file, _ in files],
        message_ids=[file.message_id for file, _ in files],
        labels=[file.label for file, _ in files],
        sizes=[file.size for file, _ in files],
        digests=[file.sha256 for file, _ in files],
        parts=[msgspec.json.encode(parts).decode() for _, parts in files],
        now=tx.now,
    )


async def of_upload(tx: Transaction, upload_id: UUID) -> AppData | None:
    """What a completed upload became."""
    return _app_data(await SQL.app_data_of_upload(tx.connection, upload_id=upload_id))


async def by_key(tx: Transaction, key: UUID) -> AppData | None:
    """One file by its key."""
    return _app_data(await SQL.app_data_by_key(tx.connection, key=key))


async def with_transfer(tx: Transaction, key: UUID) -> tuple[AppData, StoredTransfer] | None:
    """One file and its transfer, in one trip."""
    row = await SQL.app_data_with_transfer(tx.connection, key=key)
    file, transfer = _app_data(row), stored_transfer(row)
    return None if file is None or transfer is None else (file, transfer)


async def parts_of(tx: Transaction, key: UUID) -> list[StoredPart]:
    """The parts of a file in its order, as they were accepted."""
    found: Any = await SQL.app_data_parts(tx.connection, key=key)
    return msgspec.json.decode(found, type=list[StoredPart])


async def page(
    tx: Transaction, transfer_id: UUID, *, after: UUID, size: int
) -> list[tuple[UUID, str | None, int]]:
    """Key, label and size of files whose key sorts after ``after``."""
    rows = SQL.app_data_page(tx.connection, transfer_id=transfer_id, after=after, size=size)
    return [(row["key"], row["label"], row["size"]) async for row in rows]


def _app_data(row: Any) -> AppData | None:
    if row is None:
        return None
    return AppData(**{name: row[name] for name in AppData.__dataclass_fields__})
