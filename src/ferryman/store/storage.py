"""Stored files, the ones whose lifetime is over, and the timer of the sweep."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from ferryman.domain.retention import RetentionCutoffs, StoredKey
from ferryman.store.database import SQL, Database, Transaction
from ferryman.wire.storage import SweepReport

SWEEPING = 7_302_114_902
"""Advisory lock for sweeping."""

VERIFYING = 7_302_114_903
"""Advisory lock for verifying a transfer's files."""


@asynccontextmanager
async def alone(database: Database, lock: int) -> AsyncIterator[bool]:
    """Take an advisory lock for the block, without waiting; yields whether we got it."""
    async with database.connection() as connection:
        mine = bool(await SQL.try_lock(connection, key=lock))
        try:
            yield mine
        finally:
            if mine:
                await SQL.unlock(connection, key=lock)


async def end_app_data(
    tx: Transaction, due: RetentionCutoffs, *, size: int
) -> list[tuple[UUID, int]]:
    """Mark up to ``size`` expired files as deleted; return their keys and sizes."""
    rows = SQL.end_app_data(
        tx.connection,
        started_before=due.started_before,
        settled_before=due.settled_before,
        size=size,
        now=tx.now,
    )
    return [(row["key"], row["size"]) async for row in rows]


async def close_uploads(
    tx: Transaction, due: RetentionCutoffs, *, size: int
) -> list[tuple[UUID, str]]:
    """Mark up to ``size`` uploads that can no longer be completed as aborted.

    Returns their keys and references in the store.
    """
    rows = SQL.close_uploads(tx.connection, settled_before=due.closed_before, size=size)
    return [(row["key"], row["store_ref"]) async for row in rows]


async def records(tx: Transaction, keys: Sequence[str]) -> dict[str, StoredKey]:
    """Return the records of these keys; unknown keys are left out."""
    rows = SQL.records_of_keys(tx.connection, keys=[UUID(key) for key in keys])
    return {
        str(row["key"]): StoredKey(
            upload_ref=row["store_ref"],
            upload_state=row["state"],
            is_file=row["is_file"],
            deleted=row["deleted"],
        )
        async for row in rows
    }


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file that must be in the store: of a transfer, or an object of an app."""

    key: UUID
    transfer_id: UUID | None
    label: str | None


async def kept_between(tx: Transaction, after: UUID, last: UUID, *, size: int) -> list[KeptFile]:
    """Return up to ``size`` files with a key above ``after`` and up to ``last``, in order."""
    rows = SQL.kept_between(tx.connection, after=after, last=last, size=size)
    return [KeptFile(row["key"], row["transfer_id"], row["label"]) async for row in rows]


async def is_kept(tx: Transaction, key: UUID) -> bool:
    """Return whether the key is that of a file that has not been deleted."""
    return bool(await SQL.is_kept(tx.connection, key=key))


async def counts(tx: Transaction) -> dict[str, int]:
    """Return the number and bytes of files, and the numbers of deleted files and open uploads."""
    return dict(await SQL.storage_counts(tx.connection))


@dataclass(frozen=True, slots=True)
class SweepState:
    """The timer of the sweep, and the result of the last one."""

    due_at: datetime | None
    report: SweepReport | None
    error: str | None


async def sweep_state(tx: Transaction) -> SweepState:
    """Return the state as last committed."""
    row: Any = await SQL.sweep_state(tx.connection)
    report = row["report"] and msgspec.json.decode(row["report"], type=SweepReport)
    return SweepState(row["due_at"], report, row["error"])


async def keep_timer(tx: Transaction, due_at: datetime) -> None:
    """Set the timer to ``due_at`` unless it is due earlier."""
    await SQL.keep_sweep_timer(tx.connection, due_at=due_at)


async def set_timer(tx: Transaction, due_at: datetime) -> None:
    """Set the timer of the next sweep."""
    await SQL.set_sweep_timer(tx.connection, due_at=due_at)


async def take_maintenance(tx: Transaction, before: datetime) -> bool:
    """Return whether maintenance was last done before ``before``; if so, mark it as done now."""
    return bool(await SQL.take_maintenance(tx.connection, before=before, now=tx.now))


async def set_report(tx: Transaction, report: SweepReport) -> None:
    """Store the report of a completed sweep."""
    await SQL.set_sweep_report(tx.connection, report=msgspec.json.encode(report).decode())


async def set_error(tx: Transaction, error: str) -> None:
    """Store the error of a sweep that failed."""
    await SQL.set_sweep_error(tx.connection, error=error)
