"""List the workers, drain one, and let it work again.

A drain belongs to the process: one that is started again has a new id, and works.
"""

from uuid import UUID

from ferryman import refusals
from ferryman.clock import epoch_ms
from ferryman.domain.access import PLATFORM, Actor
from ferryman.services import audit
from ferryman.services.platform import Platform, parse_id
from ferryman.store import delivery as delivery_store
from ferryman.store import worker as worker_store
from ferryman.store.database import Transaction
from ferryman.store.worker import WorkerRow
from ferryman.wire.worker import RunningWorker, WorkerList


async def every(platform: Platform) -> WorkerList:
    """Return all workers; silent ones are listed until others take over from them."""
    async with platform.database.reading() as tx:
        rows = await worker_store.every(tx, platform.heartbeat_timeout)
    return WorkerList(items=[_view(row) for row in rows])


async def drain(platform: Platform, worker_id: str, by: Actor = PLATFORM) -> RunningWorker:
    """Have a worker finish what it holds and claim nothing more; repeatable."""
    return await _set(platform, worker_id, by, draining=True)


async def resume(platform: Platform, worker_id: str, by: Actor = PLATFORM) -> RunningWorker:
    """Let a worker that was drained work again; repeatable."""
    return await _set(platform, worker_id, by, draining=False)


async def _set(platform: Platform, worker_id: str, by: Actor, *, draining: bool) -> RunningWorker:
    wanted = parse_id(refusals.worker.NOT_FOUND, worker_id)
    async with platform.database.transaction() as tx:
        before = await _row(platform, tx, wanted)
        if before.version is None:
            raise refusals.worker.TOO_OLD()
        await worker_store.drain(tx, wanted, draining=draining)
        # So that it learns of it at once.
        await delivery_store.notify_workers(tx)
        after = await _row(platform, tx, wanted)
        await audit.record(
            tx,
            by,
            "drain_worker" if draining else "resume_worker",
            wanted,
            before=_facts(before),
            after=_facts(after),
        )
    return _view(after)


async def _row(platform: Platform, tx: Transaction, worker_id: UUID) -> WorkerRow:
    found = await worker_store.every(tx, platform.heartbeat_timeout, worker_id)
    if not found:
        raise refusals.worker.NOT_FOUND(id=worker_id)
    return found[0]


def _facts(row: WorkerRow) -> dict[str, object]:
    return {"host": row.host, "pid": row.pid, "draining": row.draining_since is not None}


def _view(row: WorkerRow) -> RunningWorker:
    return RunningWorker(
        worker_id=str(row.worker_id),
        state=_state(row),
        held=row.held,
        host=row.host,
        pid=row.pid,
        version=row.version,
        started_at=None if row.started_at is None else epoch_ms(row.started_at),
        seen_at=epoch_ms(row.seen_at),
        draining_since=None if row.draining_since is None else epoch_ms(row.draining_since),
        error=row.error,
        failing_since=None if row.failing_since is None else epoch_ms(row.failing_since),
    )


def _state(row: WorkerRow) -> str:
    if not row.heard:
        return "silent"
    if row.draining_since is None:
        return "working"
    # Its heartbeats move the drain forward until it knows of it and no claim is under way.
    return "draining" if row.held or row.seen_at <= row.draining_since else "drained"
