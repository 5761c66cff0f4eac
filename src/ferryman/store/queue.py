"""Jobs: rows of pgqueuer, put there in the transaction of the thing they follow from."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.queries import Queries

from ferryman.store.database import SQL, Database, Transaction

DELIVER = "deliver"
WAKE = "wake"
SWEEP = "sweep"


class DeliverJob(msgspec.Struct, frozen=True):
    """Make attempt ``number`` at delivering a message."""

    message_id: UUID
    number: int


class WakeJob(msgspec.Struct, frozen=True):
    """The timer of a transfer."""

    transfer_id: UUID


async def enqueue_delivery(
    tx: Transaction, message_id: UUID, number: int, *, delay: timedelta | None = None
) -> None:
    """Attempt ``number`` is due after ``delay``, or now."""
    await _enqueue(tx, DELIVER, msgspec.json.encode(DeliverJob(message_id, number)), delay)


async def enqueue_wake(tx: Transaction, transfer_id: UUID, due: datetime) -> int:
    """Set the timer of a transfer; the id of its job."""
    delay = max(due - tx.now, timedelta(0))
    return await _enqueue(tx, WAKE, msgspec.json.encode(WakeJob(transfer_id)), delay)


async def enqueue_sweep(tx: Transaction, due: datetime) -> int:
    """Set the timer of the sweep; the id of its job."""
    return await _enqueue(tx, SWEEP, b"", max(due - tx.now, timedelta(0)))


async def delete_job(tx: Transaction, job_id: int) -> None:
    """Take a queued job away again."""
    await SQL.delete_job(tx.connection, job_id=job_id)


async def seconds_to_next(database: Database) -> float | None:
    """Until the next queued job is due, in seconds of the database's clock; None without one.

    Sweeps are left out: they are done once where the clock comes to stand.
    """
    async with database.transaction() as tx:
        seconds: float | None = await SQL.next_due(tx.connection, passed_by=SWEEP)
        return seconds


async def work_due(database: Database) -> bool:
    """Whether any job is due or being done."""
    async with database.transaction() as tx:
        return bool(await SQL.work_due(tx.connection))


async def _enqueue(
    tx: Transaction, entrypoint: str, payload: bytes, delay: timedelta | None
) -> int:
    queries = Queries(AsyncpgDriver(tx.connection))
    [job_id] = await queries.enqueue(entrypoint, payload, execute_after=delay)
    return int(job_id)


async def requeue_held(database: Database) -> int:
    """Put jobs back that the queue set aside; how many there were."""
    async with database.transaction() as tx:
        queries = Queries(AsyncpgDriver(tx.connection))
        held = [job.id for job in await queries.list_failed_jobs(limit=10_000)]
        if held:
            await queries.requeue_jobs(held)
        return len(held)
