"""Workers: their heartbeats, their errors, and the messages that dead ones held."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from ferryman.domain.diagnosis.snapshot import Failing, Workers
from ferryman.metrics import Series
from ferryman.store.database import SQL, Transaction
from ferryman.store.message import StoredMessage, stored_message


async def record_heartbeat(tx: Transaction, worker_id: UUID, metrics: Sequence[Series]) -> None:
    """Record that the worker is alive and keeps its claims; ``metrics`` are its own."""
    counted = msgspec.json.encode(metrics).decode()
    await SQL.record_worker(tx.connection, worker_id=worker_id, metrics=counted)


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
        if row["error"] is not None
    )
    return Workers(len(rows), tuple(failing), silence)


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
