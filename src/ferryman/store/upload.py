"""Uploads, from their start until they become a file or are given up."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from ferryman.store.database import SQL, Transaction
from ferryman.vocab import GivenUp

_FEW = 10

REPEATABLE = "begin:"
"""Prefix of resume keys that only make the call repeatable: the file is never resumed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadRow:
    """An upload; ``state`` is OPEN, COMPLETED or ABORTED, ``store_ref`` the store's own id.

    ``claim`` is the claim whose listener writes it; ``reason`` says why it was given up. Parts up
    to number ``parts`` were allowed, each of at most ``largest_part`` bytes.
    """

    upload_id: UUID
    transfer_id: UUID
    key: UUID
    store_ref: str
    label: str | None
    resume_key: str | None = None
    state: str
    claim: int = 0
    reason: GivenUp | None = None
    parts: int = 0
    largest_part: int = 0

    @property
    def reserved(self) -> int:
        """Return the most bytes that its parts may have: of each number one body is kept."""
        return self.parts * self.largest_part


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedUpload:
    """A file that was started, and neither completed nor given up on purpose.

    ``detail`` is its writer's error, or None while it is still open.
    """

    upload_id: UUID
    label: str | None
    failed: bool
    detail: str | None
    since: datetime


async def insert(
    tx: Transaction, transfer_id: UUID, uploads: Sequence[UploadRow], claim: int | None
) -> set[UUID]:
    """Insert uploads of one transfer under its current claim; return the ids inserted.

    One whose resume key another upload has is left out; so are all if the transfer takes no more
    files, or if ``claim`` is given and is not the current one. It is a single statement, so it
    needs no transaction around it.
    """
    rows = SQL.insert_uploads(
        tx.connection,
        upload_ids=[upload.upload_id for upload in uploads],
        transfer_id=transfer_id,
        keys=[upload.key for upload in uploads],
        store_refs=[upload.store_ref for upload in uploads],
        labels=[upload.label for upload in uploads],
        resume_keys=[upload.resume_key for upload in uploads],
        entries=[
            msgspec.json.encode({"key": upload.key, "label": upload.label}).decode()
            for upload in uploads
        ],
        parts=[upload.parts for upload in uploads],
        largest_parts=[upload.largest_part for upload in uploads],
        claim=claim,
        now=tx.now,
    )
    return {row["upload_id"] async for row in rows}


async def by_id(tx: Transaction, upload_id: UUID, app_id: UUID) -> UploadRow | None:
    """Return an upload of this app, or None; other apps' uploads are invisible."""
    return _upload(await SQL.upload_by_id(tx.connection, upload_id=upload_id, app_id=app_id))


async def by_ids(
    tx: Transaction, upload_ids: Sequence[UUID], app_id: UUID
) -> dict[UUID, UploadRow]:
    """Return several uploads of this app by id; see :func:`by_id`."""
    rows = SQL.uploads_by_ids(tx.connection, upload_ids=upload_ids, app_id=app_id)
    return {row["upload_id"]: _read(row) async for row in rows}


async def to_resume(
    tx: Transaction, transfer_id: UUID, resume_keys: Sequence[str]
) -> dict[str, UploadRow]:
    """Return the transfer's uploads that began under these resume keys and were not aborted."""
    if len(resume_keys) > _FEW:
        # Planned for these, so that each row is looked up among them, not compared with each.
        await SQL.plan_by_values(tx.connection)
    rows = SQL.uploads_to_resume(tx.connection, transfer_id=transfer_id, resume_keys=resume_keys)
    return {row["resume_key"]: _read(row) async for row in rows}


async def set_store_ref(tx: Transaction, upload: UploadRow, store_ref: str) -> bool:
    """Replace the store reference of an open upload; return False if it has changed since."""
    updated: Any = await SQL.set_upload_store_ref(
        tx.connection, upload_id=upload.upload_id, before=upload.store_ref, after=store_ref
    )
    return updated is not None


async def adopt(tx: Transaction, upload_ids: Sequence[UUID]) -> None:
    """Assign uploads to their transfer's current claim."""
    await SQL.adopt_uploads(tx.connection, upload_ids=upload_ids)


async def give_up(
    tx: Transaction, upload_id: UUID, reason: GivenUp, detail: str | None = None
) -> bool:
    """Give up an open upload; return False if it was not open."""
    given_up: Any = await SQL.give_up_upload(
        tx.connection, upload_id=upload_id, reason=reason, detail=detail, now=tx.now
    )
    return given_up is not None


async def unfinished(tx: Transaction, transfer_id: UUID, size: int) -> list[UnfinishedUpload]:
    """Return up to ``size`` unfinished files of the current claim, oldest first."""
    rows = SQL.unfinished_uploads(tx.connection, transfer_id=transfer_id, size=size)
    return [
        UnfinishedUpload(
            upload_id=row["upload_id"],
            label=row["label"],
            failed=row["reason"] is not None,
            detail=row["detail"],
            since=row["created_at"],
        )
        async for row in rows
    ]


async def count_open(tx: Transaction, app_id: UUID, size: int) -> int:
    """Return the number of an app's open uploads, or ``size`` if there are more."""
    count: int = await SQL.count_open_uploads(tx.connection, app_id=app_id, size=size)
    return count


async def bytes_of_app(tx: Transaction, app_id: UUID) -> int:
    """Return the bytes of an app's files that are kept, its open uploads at most, and values."""
    held: int = await SQL.bytes_of_app(tx.connection, app_id=app_id)
    return held


async def hold(tx: Transaction, upload: UploadRow) -> UploadRow:
    """Lock an upload until the commit; return it with the bytes reserved for it."""
    row = await SQL.hold_upload(tx.connection, upload_id=upload.upload_id)
    if row is None:  # deleted with its transfer meanwhile
        return upload
    return replace(upload, parts=row["parts"], largest_part=row["largest_part"])


async def reserve(tx: Transaction, upload: UploadRow) -> None:
    """Store the bytes reserved for an upload."""
    await SQL.reserve_upload(
        tx.connection,
        upload_id=upload.upload_id,
        parts=upload.parts,
        largest_part=upload.largest_part,
    )


async def count_unfinished(tx: Transaction, transfer_id: UUID) -> int:
    """Return the committed number of unfinished files of the current claim."""
    count: int = await SQL.count_unfinished(tx.connection, transfer_id=transfer_id)
    return count


async def hold_intake(tx: Transaction, transfer_id: UUID) -> None:
    """Let no upload start until the transaction ends; lock the transfer first."""
    await SQL.hold_intake(tx.connection, transfer_id=transfer_id)


async def close_intake(tx: Transaction, transfer_id: UUID) -> None:
    """Let no upload start any more because the transfer is settled."""
    await SQL.close_intake(tx.connection, transfer_id=transfer_id)


async def claim_intake(tx: Transaction, transfer_id: UUID, claim: int) -> None:
    """Start all further uploads under ``claim``."""
    await SQL.claim_intake(tx.connection, transfer_id=transfer_id, claim=claim)


async def supersede(
    tx: Transaction, transfer_id: UUID, claim: int, *, resumable: bool
) -> list[UUID]:
    """Give up what claims before ``claim`` left open; return the keys.

    ``resumable`` includes files with a resume key, which the listener might still resume.
    """
    rows = SQL.supersede_uploads(
        tx.connection, transfer_id=transfer_id, claim=claim, resumable=resumable, now=tx.now
    )
    return [row["key"] async for row in rows]


async def abandon_unfinished(tx: Transaction, transfer_id: UUID, claim: int) -> list[UUID]:
    """Give up the unfinished files of this claim; return their keys."""
    rows = SQL.abandon_unfinished(tx.connection, transfer_id=transfer_id, claim=claim, now=tx.now)
    return [row["key"] async for row in rows]


def _upload(row: Any) -> UploadRow | None:
    return None if row is None else _read(row)


def _read(row: Any) -> UploadRow:
    plain = {name: row[name] for name in UploadRow.__dataclass_fields__}
    plain["reason"] = None if row["reason"] is None else GivenUp(row["reason"])
    return UploadRow(**plain)
