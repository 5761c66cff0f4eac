"""Uploads that were begun."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from ferryman.store.database import SQL, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One upload; ``state`` is OPEN, COMPLETED or ABORTED, ``store_ref`` the store's own name."""

    upload_id: UUID
    transfer_id: UUID
    key: UUID
    store_ref: str
    label: str | None
    resume_key: str | None = None
    state: str


async def insert(tx: Transaction, upload: Upload) -> bool:
    """Remember an upload that the store has begun; False where another has its resume key.

    One statement, so it needs no transaction around it.
    """
    found: Any = await SQL.insert_upload(
        tx.connection,
        upload_id=upload.upload_id,
        transfer_id=upload.transfer_id,
        key=upload.key,
        store_ref=upload.store_ref,
        label=upload.label,
        resume_key=upload.resume_key,
        told=msgspec.json.encode({"key": upload.key, "label": upload.label}).decode(),
        now=tx.now,
    )
    return found is not None


async def by_id(tx: Transaction, upload_id: UUID, app_id: UUID) -> Upload | None:
    """An upload of that app; another app's looks like none."""
    return _upload(await SQL.upload_by_id(tx.connection, upload_id=upload_id, app_id=app_id))


async def by_ids(tx: Transaction, upload_ids: Sequence[UUID], app_id: UUID) -> dict[UUID, Upload]:
    """Several, by id, as :func:`by_id`."""
    rows = SQL.uploads_by_ids(tx.connection, upload_ids=upload_ids, app_id=app_id)
    return {row["upload_id"]: _read(row) async for row in rows}


async def to_resume(tx: Transaction, transfer_id: UUID, resume_key: str) -> Upload | None:
    """The upload of a transfer that was begun under that key and not aborted."""
    return _upload(
        await SQL.upload_to_resume(tx.connection, transfer_id=transfer_id, resume_key=resume_key)
    )


async def set_store_ref(tx: Transaction, upload: Upload, store_ref: str) -> bool:
    """Whether the reference could be replaced: it is still ``upload``'s, and that is open."""
    found: Any = await SQL.set_upload_store_ref(
        tx.connection, upload_id=upload.upload_id, before=upload.store_ref, after=store_ref
    )
    return found is not None


async def set_state(tx: Transaction, upload_id: UUID, state: str) -> None:
    """COMPLETED or ABORTED."""
    await SQL.set_upload_state(tx.connection, upload_id=upload_id, state=state)


def _upload(row: Any) -> Upload | None:
    return None if row is None else _read(row)


def _read(row: Any) -> Upload:
    return Upload(**{name: row[name] for name in Upload.__dataclass_fields__})
