"""Jobs: rows of pgqueuer, put there in the transaction of the thing they follow from."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.queries import Queries

from ferryman.store.database import SQL, Database, Transaction

WAKE = "wake"
SWEEP = "sweep"

FAR = timedelta(days=365_000)
"""How far off jobs are put while time stands still: a thousand years later than their time."""


class WakeJob(msgspec.Struct, frozen=True):
    """The timer of a transfer."""

    transfer_id: UUID


async def enqueue_wake(tx: Transaction, transfer_id: UUID, due: datetime) -> int:
    """Set the timer of a transfer; the id of its job."""
    return await _enqueue(tx, WAKE, msgspec.json.encode(WakeJob(transfer_id)), due)


async def enqueue_sweep(tx: Transaction, due: datetime) -> int:
    """Set the timer of the sweep; the id of its job."""
    return await _enqueue(tx, SWEEP, b"", due)


async def delete_job(tx: Transaction, job_id: int) -> None:
    """Take a queued job away again."""
    await SQL.delete_job(tx.connection, job_id=job_id)


async def seconds_to_next(tx: Transaction) -> float | None:
    """Until the next queued job is due, in seconds; None without one.

    Sweeps are left out: they are done once where the clock comes to stand.
    """
    seconds: float | None = await SQL.next_due(tx.connection, passed_by=SWEEP, far=FAR, now=tx.now)
    return seconds


async def work_due(tx: Transaction) -> bool:
    """Whether any job is due or being done."""
    return bool(await SQL.work_due(tx.connection))


async def _enqueue(tx: Transaction, entrypoint: str, payload: bytes, due: datetime) -> int:
    queries = Queries(AsyncpgDriver(tx.connection))
    delay = max(due - tx.now, timedelta(0))
    [job_id] = await queries.enqueue(entrypoint, payload, execute_after=delay)
    if tx.frozen and delay:
        await SQL.park_job(tx.connection, job_id=job_id, due=due, far=FAR)
    return int(job_id)


async def requeue_held(database: Database) -> int:
    """Put jobs back that the queue set aside; how many there were."""
    async with database.transaction() as tx:
        queries = Queries(AsyncpgDriver(tx.connection))
        held = [job.id for job in await queries.list_failed_jobs(limit=10_000)]
        if held:
            await queries.requeue_jobs(held)
        return len(held)
