"""Actions on many things, and what came of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from ferryman.domain.access import Actor, Reach
from ferryman.store.database import SQL, Transaction
from ferryman.vocab import Role
from ferryman.wire.job import ItemOutcome, JobOperation, JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredJob:
    """A job; ``by`` planned it, and its items are done in that name."""

    job_id: UUID
    operation: JobOperation
    selection: str
    state: JobState
    by: Actor
    total: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    done: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobItem:
    """A message or a transfer that a job hits; ``outcome`` is None until it was done."""

    number: int
    target: UUID
    outcome: ItemOutcome | None
    code: str | None
    detail: str | None
    result: str | None
    at: datetime | None


async def insert(
    tx: Transaction,
    job_id: UUID,
    operation: JobOperation,
    selection: str,
    by: Actor,
    targets: Sequence[UUID],
) -> None:
    """Add a planned job with everything that it is to hit."""
    await SQL.insert_job(
        tx.connection,
        job_id=job_id,
        operation=operation,
        selection=selection,
        actor=by.name,
        role=by.role,
        customers=by.reach.customers,
        apps=by.reach.apps,
        targets=targets,
        now=tx.now,
    )


async def forget(tx: Transaction, before: datetime) -> None:
    """Delete jobs that were planned before a time and do not run."""
    await SQL.forget_jobs(tx.connection, before=before)


async def by_id(tx: Transaction, job_id: UUID) -> StoredJob | None:
    """Return a job with its counts, or None."""
    row = await SQL.job_by_id(tx.connection, job_id=job_id)
    return None if row is None else _job(row, done=row["done"], refused=row["refused"])


async def page(
    tx: Transaction, *, actor: str | None, before: tuple[datetime, UUID], size: int
) -> list[StoredJob]:
    """Return up to ``size`` jobs before a place, newest first; ``actor``: only of that name."""
    rows = SQL.job_page(tx.connection, actor=actor, at=before[0], id=before[1], size=size)
    return [_job(row, done=row["done"], refused=row["refused"]) async for row in rows]


async def lock(tx: Transaction, job_id: UUID) -> StoredJob | None:
    """Return a job, locked until the transaction ends; its items in work are waited for."""
    row = await SQL.lock_job(tx.connection, job_id=job_id)
    return None if row is None else _job(row)


async def set_state(tx: Transaction, job_id: UUID, state: JobState) -> None:
    """Write a locked job's new state, and the time of it."""
    await SQL.set_job_state(tx.connection, job_id=job_id, state=state, now=tx.now)


async def items(
    tx: Transaction, job_id: UUID, *, outcome: ItemOutcome | None, after: int, size: int
) -> list[JobItem]:
    """Return up to ``size`` items after a number, in order."""
    rows = SQL.job_items(tx.connection, job_id=job_id, outcome=outcome, after=after, size=size)
    return [
        JobItem(
            number=row["number"],
            target=row["target"],
            outcome=None if row["outcome"] is None else ItemOutcome(row["outcome"]),
            code=row["code"],
            detail=row["detail"],
            result=row["result"],
            at=row["at"],
        )
        async for row in rows
    ]


async def take(tx: Transaction) -> tuple[StoredJob, int, UUID] | None:
    """Return the next open item of a running job, locked: the job, its number and its target."""
    row = await SQL.next_job_item(tx.connection)
    return None if row is None else (_job(row), row["number"], row["target"])


async def end_item(
    tx: Transaction,
    job_id: UUID,
    number: int,
    outcome: ItemOutcome,
    *,
    code: str | None = None,
    detail: str | None = None,
    result: str | None = None,
) -> None:
    """Write what came of a locked item."""
    await SQL.end_job_item(
        tx.connection,
        job_id=job_id,
        number=number,
        outcome=outcome,
        code=code,
        detail=detail,
        result=result,
        now=tx.now,
    )


async def end_finished(tx: Transaction) -> None:
    """End running jobs without an open item."""
    await SQL.end_jobs(tx.connection, now=tx.now)


def _job(row: Any, *, done: int = 0, refused: int = 0) -> StoredJob:
    customers, apps = row["customers"], row["apps"]
    reach = Reach(
        None if customers is None else tuple(customers), None if apps is None else tuple(apps)
    )
    return StoredJob(
        job_id=row["job_id"],
        operation=JobOperation(row["operation"]),
        selection=row["selection"],
        state=JobState(row["state"]),
        by=Actor(name=row["actor"], role=Role(row["role"]), reach=reach, request=_name(row)),
        total=row["total"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        done=done,
        refused=refused,
    )


def _name(row: Any) -> str:
    """Return what the audit log records as the request of an item."""
    return f"job {row['job_id']}"
