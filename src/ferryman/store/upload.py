"""Uploads that were begun."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from ferryman.store.database import SQL, Transaction
from ferryman.vocab import GivenUp


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One upload; ``state`` is OPEN, COMPLETED or ABORTED, ``store_ref`` the store's own name.

    ``claim`` is the number of the claim whose listener writes it, ``reason`` why it was given up.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """A file that was begun, and neither completed nor given up on purpose.

    ``detail`` is what its writer failed with, None for one that is still open.
    """

    upload_id: UUID
    label: str | None
    failed: bool
    detail: str | None
    since: datetime


async def insert(tx: Transaction, upload: Upload, claim: int | None) -> bool:
    """Remember an upload that the store has begun, as one of the current claim.

    False where another has its resume key, where the transfer takes no files any more, and where
    the caller's ``claim`` (None: it named none) is not the current one. One statement, so it
    needs no transaction around it.
    """
    found: Any = await SQL.insert_upload(
        tx.connection,
        upload_id=upload.upload_id,
        transfer_id=upload.transfer_id,
        key=upload.key,
        store_ref=upload.store_ref,
        label=upload.label,
        resume_key=upload.resume_key,
        claim=claim,
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


async def adopt(tx: Transaction, upload_id: UUID) -> None:
    """Make it a file of the transfer's current claim."""
    await SQL.adopt_upload(tx.connection, upload_id=upload_id)


async def give_up(
    tx: Transaction, upload_id: UUID, reason: GivenUp, detail: str | None = None
) -> bool:
    """Give an open upload up; False where it was not open."""
    found: Any = await SQL.give_up_upload(
        tx.connection, upload_id=upload_id, reason=reason, detail=detail, now=tx.now
    )
    return found is not None


async def unfinished(tx: Transaction, transfer_id: UUID, size: int) -> list[Unfinished]:
    """The oldest unfinished files of the current claim."""
    rows = SQL.unfinished_uploads(tx.connection, transfer_id=transfer_id, size=size)
    return [
        Unfinished(
            upload_id=row["upload_id"],
            label=row["label"],
            failed=row["reason"] is not None,
            detail=row["detail"],
            since=row["created_at"],
        )
        async for row in rows
    ]


async def count_unfinished(tx: Transaction, transfer_id: UUID) -> int:
    """How many files of the current claim are unfinished, as last committed."""
    count: int = await SQL.count_unfinished(tx.connection, transfer_id=transfer_id)
    return count


async def hold_intake(tx: Transaction, transfer_id: UUID) -> None:
    """Let no file begin until the transaction ends. Lock the transfer before."""
    await SQL.hold_intake(tx.connection, transfer_id=transfer_id)


async def close_intake(tx: Transaction, transfer_id: UUID) -> None:
    """Let no file begin any more: the transfer is settled."""
    await SQL.close_intake(tx.connection, transfer_id=transfer_id)


async def claim_intake(tx: Transaction, transfer_id: UUID, claim: int) -> None:
    """From now on files begin as those of ``claim``."""
    await SQL.claim_intake(tx.connection, transfer_id=transfer_id, claim=claim)


async def supersede(
    tx: Transaction, transfer_id: UUID, claim: int, *, resumable: bool
) -> list[UUID]:
    """Give up what claims before ``claim`` left open; the keys of it.

    ``resumable`` says whether files with a resume key, which the listener may still resume, too.
    """
    rows = SQL.supersede_uploads(
        tx.connection, transfer_id=transfer_id, claim=claim, resumable=resumable, now=tx.now
    )
    return [row["key"] async for row in rows]


async def abandon_unfinished(tx: Transaction, transfer_id: UUID, claim: int) -> list[UUID]:
    """Do without the unfinished files of that claim; their keys."""
    rows = SQL.abandon_unfinished(tx.connection, transfer_id=transfer_id, claim=claim, now=tx.now)
    return [row["key"] async for row in rows]


def _upload(row: Any) -> Upload | None:
    return None if row is None else _read(row)


def _read(row: Any) -> Upload:
    plain = {name: row[name] for name in Upload.__dataclass_fields__}
    plain["reason"] = None if row["reason"] is None else GivenUp(row["reason"])
    return Upload(**plain)
