"""Uploads that were begun."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from ferryman.store.database import SQL, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One upload; ``state`` is OPEN, COMPLETED or ABORTED, ``store_ref`` the store's own name."""

    upload_id: UUID
    transfer_id: UUID
    key: UUID
    store_ref: str
    label: str | None
    state: str


async def insert(tx: Transaction, upload: Upload) -> None:
    """Remember an upload that the store has begun."""
    await SQL.insert_upload(
        tx.connection,
        upload_id=upload.upload_id,
        transfer_id=upload.transfer_id,
        key=upload.key,
        store_ref=upload.store_ref,
        label=upload.label,
        now=tx.now,
    )


async def by_id(tx: Transaction, upload_id: UUID, app_id: UUID) -> Upload | None:
    """An upload of that app; another app's looks like none."""
    row: Any = await SQL.upload_by_id(tx.connection, upload_id=upload_id, app_id=app_id)
    if row is None:
        return None
    return Upload(**{name: row[name] for name in Upload.__dataclass_fields__})


async def set_state(tx: Transaction, upload_id: UUID, state: str) -> None:
    """COMPLETED or ABORTED."""
    await SQL.set_upload_state(tx.connection, upload_id=upload_id, state=state)
