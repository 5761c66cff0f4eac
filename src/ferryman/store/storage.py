"""What is stored, what of it is over, and the timer of the sweep."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from ferryman.domain.retention import Due, Record
from ferryman.store import queue
from ferryman.store.database import SQL, Database, Transaction
from ferryman.wire.storage import SweepReport

SWEEPING = 7_302_114_902
"""Advisory lock of whoever sweeps."""

VERIFYING = 7_302_114_903
"""Advisory lock of whoever reads a whole transfer again."""


@asynccontextmanager
async def alone(database: Database, lock: int) -> AsyncIterator[bool]:
    """Whether nobody else does this now; if so, nobody else begins until the block ends."""
    async with database.connection() as connection:
        mine = bool(await SQL.try_lock_storage(connection, key=lock))
        try:
            yield mine
        finally:
            if mine:
                await SQL.unlock_storage(connection, key=lock)


async def end_app_data(tx: Transaction, due: Due, *, size: int) -> list[tuple[UUID, int]]:
    """Mark files whose life is over as deleted; key and size of at most ``size`` of them."""
    rows = SQL.end_app_data(
        tx.connection,
        started_before=due.started_before,
        settled_before=due.settled_before,
        size=size,
        now=tx.now,
    )
    return [(row["key"], row["size"]) async for row in rows]


async def close_uploads(tx: Transaction, due: Due, *, size: int) -> list[tuple[UUID, str]]:
    """Mark uploads that nobody can complete as aborted; key and reference in the store."""
    rows = SQL.close_uploads(tx.connection, settled_before=due.closed_before, size=size)
    return [(row["key"], row["store_ref"]) async for row in rows]


async def records(tx: Transaction, keys: Sequence[str]) -> dict[str, Record]:
    """What is known of these keys; a key that no row has is left out."""
    rows = SQL.records_of_keys(tx.connection, keys=[UUID(key) for key in keys])
    return {
        str(row["key"]): Record(
            upload_ref=row["store_ref"],
            upload_state=row["state"],
            is_file=row["is_file"],
            deleted=row["deleted"],
        )
        async for row in rows
    }


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that the store has to have."""

    key: UUID
    transfer_id: UUID
    label: str | None


async def kept_between(tx: Transaction, after: UUID, last: UUID, *, size: int) -> list[Kept]:
    """Files with a key above ``after`` and up to ``last``, in order."""
    rows = SQL.kept_between(tx.connection, after=after, last=last, size=size)
    return [Kept(row["key"], row["transfer_id"], row["label"]) async for row in rows]


async def is_kept(tx: Transaction, key: UUID) -> bool:
    """Whether it is a file whose life has not ended."""
    return bool(await SQL.is_kept(tx.connection, key=key))


async def counts(tx: Transaction) -> dict[str, int]:
    """Files and bytes that are kept, files deleted, uploads open."""
    return dict(await SQL.storage_counts(tx.connection))


@dataclass(frozen=True, slots=True)
class SweepState:
    """The timer of the sweep, and what came of the last one."""

    due_at: datetime | None
    report: SweepReport | None
    error: str | None


async def sweep_state(tx: Transaction) -> SweepState:
    """As last committed."""
    row: Any = await SQL.sweep_state(tx.connection)
    report = row["report"] and msgspec.json.decode(row["report"], type=SweepReport)
    return SweepState(row["due_at"], report, row["error"])


async def has_timer(tx: Transaction, longest: timedelta) -> bool:
    """Whether the timer is in the queue and due within ``longest``; locks it."""
    row: Any = await SQL.lock_sweep(tx.connection, longest=longest)
    return bool(row["alive"])


async def is_timer(tx: Transaction, job_id: int) -> bool:
    """Whether that job is the timer; locks it."""
    row: Any = await SQL.lock_sweep(tx.connection, longest=timedelta(0))
    return bool(row["job_id"] == job_id)


async def set_timer(tx: Transaction, due_at: datetime) -> None:
    """The next sweep is then; the one that was set before is none any more."""
    row: Any = await SQL.lock_sweep(tx.connection, longest=timedelta(0))
    if row["job_id"] is not None:
        await queue.delete_job(tx, row["job_id"])
    job_id = await queue.enqueue_sweep(tx, due_at)
    await SQL.set_sweep_timer(tx.connection, job_id=job_id, due_at=due_at)


async def take_maintenance(tx: Transaction, before: datetime) -> bool:
    """Whether nobody removed what is over since then; from now on somebody has."""
    return bool(await SQL.take_maintenance(tx.connection, before=before, now=tx.now))


async def set_report(tx: Transaction, report: SweepReport) -> None:
    """A sweep came to its end."""
    await SQL.set_sweep_report(tx.connection, report=msgspec.json.encode(report).decode())


async def set_error(tx: Transaction, error: str) -> None:
    """A sweep broke off."""
    await SQL.set_sweep_error(tx.connection, error=error)
