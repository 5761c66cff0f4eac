"""Workers: their heartbeats, their errors, and the messages that dead ones held."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from ferryman.domain.diagnosis.snapshot import Failing, Workers
from ferryman.metrics import Series
from ferryman.store.database import SQL, Transaction
from ferryman.store.message import StoredMessage, stored_message


@dataclass(frozen=True, slots=True)
class WorkerProcess:
    """The facts that a worker reports about itself."""

    host: str
    pid: int
    version: str


async def record_heartbeat(
    tx: Transaction,
    worker_id: UUID,
    metrics: Sequence[Series],
    process: WorkerProcess,
    *,
    draining_since: datetime | None,
    idle: bool,
) -> datetime | None:
    """Record that the worker is alive and keeps its claims; ``metrics`` are its own.

    Return since when it is to be drained. ``draining_since`` is what it knows of that, and ``idle``
    says that it takes up nothing for that reason.
    """
    since: datetime | None = await SQL.record_worker(
        tx.connection,
        worker_id=worker_id,
        metrics=msgspec.json.encode(metrics).decode(),
        host=process.host,
        pid=process.pid,
        version=process.version,
        draining_since=draining_since,
        idle=idle and draining_since is not None,
    )
    return since


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """A worker; ``heard``: its last heartbeat is recent. Times are those of the database's clock.

    A worker of an earlier version has neither host nor version.
    """

    worker_id: UUID
    host: str | None
    pid: int | None
    version: str | None
    started_at: datetime | None
    seen_at: datetime
    draining_since: datetime | None
    error: str | None
    failing_since: datetime | None
    heard: bool
    held: int


async def every(tx: Transaction, silence: timedelta, only: UUID | None = None) -> list[WorkerRow]:
    """Return all workers by their start, or that one; heard within ``silence`` or not."""
    rows = SQL.list_workers(tx.connection, silence=silence, only=only)
    return [WorkerRow(**dict(row)) async for row in rows]


async def drain(tx: Transaction, worker_id: UUID, *, draining: bool) -> None:
    """Have a worker claim nothing more, or work again; it learns of it by its next heartbeat."""
    await SQL.drain_worker(tx.connection, worker_id=worker_id, draining=draining)


async def remove(tx: Transaction, worker_id: UUID) -> None:
    """Remove a worker that shut down."""
    await SQL.remove_worker(tx.connection, worker_id=worker_id)


async def record_error(tx: Transaction, worker_id: UUID, error: str | None) -> None:
    """Set or clear the error of a live worker; the time of its first failure is kept."""
    await SQL.report_worker_error(tx.connection, worker_id=worker_id, error=error, now=tx.now)


async def alive(tx: Transaction, silence: timedelta, only: UUID | None = None) -> Workers:
    """Return the workers seen within ``silence`` of real time; ``only``: of these, that one."""
    rows = [
        row
        async for row in SQL.workers_alive(tx.connection, silence=silence)
        if only in (None, row["worker_id"])
    ]
    failing = (
        _failing(row["worker_id"], row["failing_since"], row["error"])
        for row in rows
        if row["error"] is not None and row["draining_since"] is None
    )
    draining = sum(row["draining_since"] is not None for row in rows)
    return Workers(len(rows), tuple(failing), silence, draining)


async def last_heartbeats(tx: Transaction) -> dict[UUID, datetime]:
    """Return when each worker was seen last, by the clock of the database."""
    return {row["worker_id"]: row["seen_at"] async for row in SQL.worker_heartbeats(tx.connection)}


async def orphans(
    tx: Transaction, silent: Mapping[UUID, datetime], size: int
) -> list[StoredMessage]:
    """Remove silent workers, by the time they were seen last; return messages without a worker.

    The messages are locked.
    """
    if silent:
        await SQL.remove_silent_workers(
            tx.connection, worker_ids=list(silent), seen=list(silent.values())
        )
    # Until the messages are counted for the first time, PostgreSQL takes all of them for claimed.
    await SQL.plan_by_values(tx.connection)
    return [stored_message(row) async for row in SQL.orphaned_messages(tx.connection, size=size)]


async def unheld(tx: Transaction, worker_id: UUID, held: Collection[UUID]) -> list[StoredMessage]:
    """Return messages claimed by this worker but not in ``held``, locked."""
    rows = SQL.unheld_messages(tx.connection, worker_id=worker_id, held=list(held))
    return [stored_message(row) async for row in rows]


async def release_message(tx: Transaction, worker_id: UUID, message_id: UUID, number: int) -> None:
    """Undo the claim for attempt ``number`` if it is still this worker's: it never started."""
    await SQL.release_message(
        tx.connection, worker_id=worker_id, message_id=message_id, number=number
    )


def _failing(worker_id: UUID, since: datetime, error: str) -> Failing:
    return Failing(str(worker_id), since, error)
