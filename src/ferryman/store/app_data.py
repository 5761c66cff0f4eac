"""App data: completed files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from ferryman.domain.scope import effective
from ferryman.store.database import SQL, Transaction
from ferryman.vocab import TransferStatus
from ferryman.wire.upload import StoredPart


@dataclass(frozen=True, slots=True, kw_only=True)
class AppDataRow:
    """A completed file, with the sha256 of its bytes, that over its parts' digests, or both."""

    key: UUID
    transfer_id: UUID
    upload_id: UUID
    message_id: UUID
    label: str | None
    size: int
    sha256: str | None
    parts_sha256: str | None


@dataclass(frozen=True, slots=True)
class FileToRead:
    """A completed file, with its transfer's app, site, scopes that apply, status and life.

    ``parts`` are in file order, as they were accepted; none, where they were not asked for.
    """

    key: UUID
    label: str | None
    size: int
    sha256: str | None
    parts_sha256: str | None
    app_id: UUID
    cloud_url: str
    access_scopes: list[str]
    status: TransferStatus
    started_at: datetime | None
    paused_at: datetime | None
    life_added: timedelta
    parts: list[StoredPart]


async def accept(
    tx: Transaction,
    transfer_id: UUID,
    files: Sequence[tuple[AppDataRow, list[StoredPart]]],
    entries: Sequence[Mapping[str, object]],
) -> None:
    """Accept completed uploads as files of a transfer, with the digests of their parts.

    The timeline gets ``entries``, one of each file.
    """
    await SQL.accept_app_data(
        tx.connection,
        transfer_id=transfer_id,
        keys=[file.key for file, _ in files],
        upload_ids=[file.upload_id for file, _ in files],
        message_ids=[file.message_id for file, _ in files],
        labels=[file.label for file, _ in files],
        sizes=[file.size for file, _ in files],
        digests=[file.sha256 for file, _ in files],
        parts_digests=[file.parts_sha256 for file, _ in files],
        parts=[msgspec.json.encode(parts).decode() for _, parts in files],
        entries=[msgspec.json.encode(entry).decode() for entry in entries],
        now=tx.now,
    )


async def of_uploads(tx: Transaction, upload_ids: Sequence[UUID]) -> dict[UUID, AppDataRow]:
    """Return the files that completed uploads became, by upload; none for the others."""
    if not upload_ids:
        return {}
    rows = SQL.app_data_of_uploads(tx.connection, upload_ids=upload_ids)
    return {row["upload_id"]: _read(row) async for row in rows}


async def by_key(tx: Transaction, key: UUID) -> AppDataRow | None:
    """Return the file with this key, or None."""
    return _app_data(await SQL.app_data_by_key(tx.connection, key=key))


async def to_read(tx: Transaction, key: UUID, *, with_parts: bool = False) -> FileToRead | None:
    """Return a file and what decides whether it may be read, or None."""
    row = await SQL.app_data_to_read(tx.connection, key=key, with_parts=with_parts)
    if row is None:
        return None
    return FileToRead(
        row["key"],
        row["label"],
        row["size"],
        row["sha256"],
        row["parts_sha256"],
        row["app_id"],
        row["cloud_url"],
        effective(row["access_scopes"], row["declared_scopes"]),
        TransferStatus(row["status"]),
        row["started_at"],
        row["paused_at"],
        row["life_added"],
        msgspec.json.decode(row["parts"], type=list[StoredPart]) if with_parts else [],
    )


async def parts_of(tx: Transaction, key: UUID) -> list[StoredPart]:
    """Return the parts of a file in file order, as they were accepted."""
    parts: Any = await SQL.app_data_parts(tx.connection, key=key)
    return msgspec.json.decode(parts, type=list[StoredPart])


async def page(
    tx: Transaction, transfer_id: UUID, *, after: UUID, size: int
) -> list[tuple[UUID, str | None, int]]:
    """Return key, label and size of up to ``size`` files whose key sorts after ``after``."""
    rows = SQL.app_data_page(tx.connection, transfer_id=transfer_id, after=after, size=size)
    return [(row["key"], row["label"], row["size"]) async for row in rows]


def _app_data(row: Any) -> AppDataRow | None:
    return None if row is None else _read(row)


def _read(row: Any) -> AppDataRow:
    return AppDataRow(**{name: row[name] for name in AppDataRow.__dataclass_fields__})
