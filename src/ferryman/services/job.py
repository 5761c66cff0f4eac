"""Plan, start, stop and view jobs: one action on many messages or transfers (ADR 0071).

Planning finds everything that a job is to hit and counts it; nothing happens before the start.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

from ferryman import refusals
from ferryman.clock import epoch_ms
from ferryman.domain.access import PLATFORM, Actor
from ferryman.domain.limits import ADMIN_PAGE
from ferryman.ids import new_id
from ferryman.services import audit, job_target
from ferryman.services.keyset import decode_place, encode_place
from ferryman.services.platform import (
    Platform,
    decode_position,
    encode_cursor,
    page_size,
    parse_id,
)
from ferryman.store import job as job_store
from ferryman.store.database import Transaction
from ferryman.store.job import JobItem, StoredJob
from ferryman.wire.job import (
    ItemOutcome,
    JobItemPage,
    JobItemView,
    JobPage,
    JobRequest,
    JobState,
    JobView,
)

_KEPT = timedelta(days=30)
_END = datetime(9999, 1, 1, tzinfo=UTC)
_LAST = UUID(int=(1 << 128) - 1)


async def plan(platform: Platform, request: JobRequest, by: Actor = PLATFORM) -> JobView:
    """Find the items of a job and store them; nothing else happens before the job is started."""
    job_id = new_id()
    async with platform.database.transaction() as tx:
        targets = await job_target.find(tx, request.operation, request.selection, by.reach)
        selection = msgspec.json.encode(request.selection).decode()
        await job_store.insert(tx, job_id, request.operation, selection, by, targets)
        await job_store.forget(tx, tx.now - _KEPT)
        made = await _own(tx, str(job_id), by)
        await audit.record(
            tx,
            by,
            "plan_job",
            job_id,
            customer=request.selection.customer,
            after={
                "operation": request.operation,
                "selection": msgspec.to_builtins(request.selection),
                "total": len(targets),
            },
        )
        return _view(made, tx.now)


async def start(platform: Platform, job_id: str, by: Actor = PLATFORM) -> JobView:
    """Have the workers do a job, or go on with a stopped one; repeatable."""
    return await _change(platform, job_id, JobState.RUNNING, by, "start_job")


async def stop(platform: Platform, job_id: str, by: Actor = PLATFORM) -> JobView:
    """Stop a job: when this returns, nothing more is done; repeatable."""
    return await _change(platform, job_id, JobState.STOPPED, by, "stop_job")


async def _change(
    platform: Platform, job_id: str, state: JobState, by: Actor, operation: str
) -> JobView:
    async with platform.database.transaction() as tx:
        before = await _own(tx, job_id, by)
        await job_store.lock(tx, before.job_id)
        before = await _own(tx, job_id, by)
        if before.state is JobState.DONE:
            raise refusals.job.ENDED()
        if before.state is not state:
            await job_store.set_state(tx, before.job_id, state)
        after = await _own(tx, job_id, by)
        await audit.record(
            tx,
            by,
            operation,
            before.job_id,
            before={"state": before.state},
            after={"state": after.state, "done": after.done, "total": after.total},
        )
        return _view(after, tx.now)


async def view(platform: Platform, job_id: str, by: Actor = PLATFORM) -> JobView:
    """Return a job with its progress."""
    async with platform.database.reading() as tx:
        return _view(await _own(tx, job_id, by), tx.now)


async def page(
    platform: Platform, by: Actor = PLATFORM, *, cursor: str | None, size: int | None
) -> JobPage:
    """Return a page of jobs, newest first; a token that does not see everything has its own."""
    limit = page_size(size, default=50, greatest=ADMIN_PAGE)
    query = ("jobs", by.reach, by.name)
    before = decode_place(cursor, *query) or (_END, _LAST)
    own = None if by.reach.whole else by.name
    async with platform.database.reading() as tx:
        found = await job_store.page(tx, actor=own, before=before, size=limit + 1)
        items = [_view(each, tx.now) for each in found[:limit]]
    last = found[limit - 1] if len(found) > limit else None
    return JobPage(
        items=items,
        next_cursor=encode_place(last.created_at, last.job_id, *query) if last else None,
    )


async def items(
    platform: Platform,
    job_id: str,
    by: Actor = PLATFORM,
    *,
    outcome: ItemOutcome | None,
    cursor: str | None,
    size: int | None,
) -> JobItemPage:
    """Return a page of a job's items, with the result of each."""
    limit = page_size(size, default=100, greatest=ADMIN_PAGE)
    query = ("job items", job_id, outcome)
    after = decode_position(cursor, *query)
    async with platform.database.reading() as tx:
        job = await _own(tx, job_id, by)
        found = await job_store.items(tx, job.job_id, outcome=outcome, after=after, size=limit + 1)
    more = len(found) > limit
    return JobItemPage(
        items=[_item(each) for each in found[:limit]],
        next_cursor=encode_cursor(str(found[limit - 1].number), *query) if more else None,
    )


async def _own(tx: Transaction, job_id: str, by: Actor) -> StoredJob:
    found = await job_store.by_id(tx, parse_id(refusals.job.NOT_FOUND, job_id))
    if found is None or not (by.reach.whole or found.by.name == by.name):
        raise refusals.job.NOT_FOUND(id=job_id)
    return found


def _view(job: StoredJob, now: datetime) -> JobView:
    ended = job.done + job.refused
    left = None
    if job.state is JobState.RUNNING and job.started_at is not None and ended:
        left = (now - job.started_at).total_seconds() / ended * (job.total - ended)
    return JobView(
        job_id=str(job.job_id),
        operation=job.operation,
        selection=msgspec.json.decode(job.selection),
        state=job.state,
        actor=job.by.name,
        total=job.total,
        done=job.done,
        refused=job.refused,
        created_at=epoch_ms(job.created_at),
        started_at=None if job.started_at is None else epoch_ms(job.started_at),
        ended_at=None if job.ended_at is None else epoch_ms(job.ended_at),
        seconds_left=left,
    )


def _item(item: JobItem) -> JobItemView:
    return JobItemView(
        number=item.number,
        target=str(item.target),
        outcome=item.outcome,
        code=item.code,
        detail=item.detail,
        result=item.result,
        at=None if item.at is None else epoch_ms(item.at),
    )
