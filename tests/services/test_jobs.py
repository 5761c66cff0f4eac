"""Jobs hit what was planned, once, in the planner's name, and can be stopped and gone on with."""

from uuid import UUID

import pytest

from ferryman.domain.access import PLATFORM, Actor, Reach
from ferryman.domain.outcome import failed
from ferryman.errors import Conflict, Invalid, NotFound, PlatformError
from ferryman.services import job, job_run, message, transfer_command
from ferryman.services.platform import Platform
from ferryman.store import job as job_store
from ferryman.vocab import FailureCause, Role
from ferryman.wire.job import (
    ItemOutcome,
    JobItemView,
    JobOperation,
    JobRequest,
    JobSelection,
    JobState,
    JobView,
)
from tests.kit.services import BACK_OFF, Services

BAD = failed("after", FailureCause.APP_FAILED, "no", duration=0.1)
ANN = Actor(name="ann", role=Role.OPERATOR, request="harbour-42", address="::1")
OF_NOBODY = Actor(name="ben", role=Role.OPERATOR, reach=Reach(("nobody",)))


async def plan(
    services: Services, operation: JobOperation, by: Actor = ANN, **selection: object
) -> JobView:
    request = JobRequest(operation=operation, selection=JobSelection(**selection))  # type: ignore[arg-type]
    return await job.plan(services.platform, request, by)


async def run(platform: Platform, job_id: str) -> JobView:
    await job.start(platform, job_id, ANN)
    while await job_run.step(platform):
        pass
    return await job.view(platform, job_id, ANN)


async def items(services: Services, job_id: str) -> list[JobItemView]:
    page = await job.items(services.platform, job_id, ANN, outcome=None, cursor=None, size=None)
    return page.items


async def given_up(services: Services, files: int) -> str:
    """A transfer whose messages were all given up."""
    transfer_id = await services.start_transfer()
    for _ in range(files):
        await services.upload(transfer_id)
    worker = services.worker()
    while (await services.message_states())["PENDING"]:
        await worker.deliver_all(BAD)
        await services.advance(BACK_OFF)
    return transfer_id


async def test_messages_are_counted_first_and_delivered_again_once(services: Services) -> None:
    transfer_id = await given_up(services, 3)
    planned = await plan(services, JobOperation.REDELIVER, transfer_id=transfer_id)
    assert (planned.state, planned.total, planned.done) == (JobState.PLANNED, 4, 0)
    assert not await job_run.step(services.platform), "nothing happens before the start"
    states = await services.message_states()
    assert states == {"UNDELIVERED": 4}

    first, *_ = await items(services, planned.job_id)
    await message.redeliver(services.platform, first.target)
    ended = await run(services.platform, planned.job_id)
    assert (ended.state, ended.done, ended.refused) == (JobState.DONE, 3, 1)
    assert await services.message_states() == {"PENDING": 4}
    refused, *others = await items(services, planned.job_id)
    assert (refused.target, refused.outcome) == (first.target, ItemOutcome.REFUSED)
    assert refused.code == "message_not_redeliverable"
    assert {each.outcome for each in others} == {ItemOutcome.DONE}
    with pytest.raises(Conflict, match="job_ended"):
        await job.start(services.platform, planned.job_id, ANN)


async def test_each_item_is_audited_in_the_name_of_whoever_planned(services: Services) -> None:
    await given_up(services, 1)
    planned = await plan(services, JobOperation.REDELIVER, since=0)
    await run(services.platform, planned.job_id)
    rows = await services.fetch("SELECT actor, operation, request FROM audit ORDER BY seq")
    done = [tuple(row) for row in rows if row["actor"] == "ann"]
    own = f"job {planned.job_id}"
    assert done == [
        ("ann", "plan_job", "harbour-42"),
        ("ann", "start_job", "harbour-42"),
        ("ann", "redeliver_message", own),
        ("ann", "redeliver_message", own),
    ]


async def test_transfers_are_cancelled_and_run_again(services: Services) -> None:
    lost = await services.start_transfer("lost")
    await services.pass_deadline(lost)
    live = [await services.start_transfer(str(number)) for number in range(3)]
    cancelled = await plan(services, JobOperation.CANCEL, stuck=False, since=0)
    assert cancelled.total == 3
    assert (await run(services.platform, cancelled.job_id)).done == 3
    for transfer_id in live:
        assert (await services.state(transfer_id)).status == "CANCELLATION_REQUESTED"
    again = await plan(services, JobOperation.RERUN, cloud_app_key=services.app.cloud_app_key)
    assert again.total == 1
    assert (await run(services.platform, again.job_id)).done == 1
    [item] = await items(services, again.job_id)
    assert item.target == lost
    assert (await services.state(str(item.result))).status == "READY"
    twice = await plan(services, JobOperation.RERUN, transfer_ids=[lost])
    assert (await run(services.platform, twice.job_id)).refused == 1
    assert [each.code for each in await items(services, twice.job_id)] == ["rerun_running"]


async def test_a_stopped_job_goes_on_where_it_was(services: Services) -> None:
    await given_up(services, 4)
    planned = await plan(services, JobOperation.REDELIVER, since=0)
    await job.start(services.platform, planned.job_id, ANN)
    for _ in range(2):
        assert await job_run.step(services.platform)
    stopped = await job.stop(services.platform, planned.job_id, ANN)
    assert (stopped.state, stopped.done) == (JobState.STOPPED, 2)
    assert await job.stop(services.platform, planned.job_id, ANN) == stopped
    assert not await job_run.step(services.platform)
    ended = await run(services.platform, planned.job_id)
    assert (ended.state, ended.done, ended.refused) == (JobState.DONE, 5, 0)


async def test_a_worker_that_dies_leaves_its_item_to_the_next(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    await given_up(services, 1)
    planned = await plan(services, JobOperation.REDELIVER, since=0)
    await job.start(services.platform, planned.job_id, ANN)

    async def die(*_: object, **__: object) -> None:
        raise RuntimeError("killed before the commit")

    with monkeypatch.context() as patch:
        patch.setattr(job_store, "end_item", die)
        with pytest.raises(RuntimeError):
            await job_run.step(services.platform)
    assert await services.message_states() == {"UNDELIVERED": 2}, "nothing of it was kept"
    assert (await run(services.platform, planned.job_id)).done == 2


async def test_a_refusal_of_one_item_undoes_what_it_had_done(services: Services) -> None:
    """And only that."""
    live = await services.start_transfer()
    planned = await plan(services, JobOperation.CANCEL, transfer_ids=[live])
    await transfer_command.cancel(services.platform, live)
    ended = await run(services.platform, planned.job_id)
    assert (ended.state, ended.total) == (JobState.DONE, 1)
    entries = await services.fetch(
        "SELECT count(*) FROM timeline WHERE transfer_id = $1 AND kind = 'transfer.changed'"
        " AND data ->> 'after' = 'CANCELLATION_REQUESTED'",
        UUID(live),
    )
    assert entries[0][0] == 1


async def test_what_cannot_be_planned_is_refused(services: Services) -> None:
    live = await services.start_transfer()
    operation = JobOperation
    cases: list[tuple[JobOperation, dict[str, object], Actor, type[PlatformError], str]] = [
        (operation.CANCEL, {}, ANN, Invalid, "job_unbounded"),
        (operation.CANCEL, {"message_ids": [live]}, ANN, Invalid, "job_selection_invalid"),
        (operation.CANCEL, {"status": "FAILED"}, ANN, Invalid, "job_selection_invalid"),
        (operation.RERUN, {"status": "SUCCESS"}, ANN, Invalid, "job_selection_invalid"),
        (operation.REDELIVER, {"transfer_ids": [live]}, ANN, Invalid, "job_selection_invalid"),
        (operation.REDELIVER, {"message_ids": []}, ANN, Invalid, "job_selection_invalid"),
        (
            operation.CANCEL,
            {"transfer_ids": [live], "since": 0},
            ANN,
            Invalid,
            "job_selection_invalid",
        ),
        (operation.CANCEL, {"transfer_ids": ["x"]}, ANN, NotFound, "transfer_not_found"),
        (operation.CANCEL, {"transfer_ids": [live]}, OF_NOBODY, NotFound, "transfer_not_found"),
        (operation.REDELIVER, {"message_ids": [live]}, ANN, NotFound, "message_not_found"),
        (operation.CANCEL, {"customer": "default"}, OF_NOBODY, NotFound, "customer_not_found"),
    ]
    for kind, selection, by, error, code in cases:
        with pytest.raises(error, match=code):
            await plan(services, kind, by, **selection)
    assert await services.fetch("SELECT FROM job") == []


async def test_a_limited_token_has_only_its_own_jobs(services: Services) -> None:
    await services.start_transfer()
    foreign = await plan(services, JobOperation.CANCEL, since=0)
    own = await plan(services, JobOperation.CANCEL, OF_NOBODY, since=0)
    assert (foreign.total, own.total) == (1, 0)
    page = await job.page(services.platform, OF_NOBODY, cursor=None, size=None)
    assert [each.job_id for each in page.items] == [own.job_id]
    page = await job.page(services.platform, PLATFORM, cursor=None, size=1)
    assert [each.job_id for each in page.items] == [own.job_id]
    page = await job.page(services.platform, PLATFORM, cursor=page.next_cursor, size=1)
    assert [each.job_id for each in page.items] == [foreign.job_id]
    with pytest.raises(NotFound, match="job_not_found"):
        await job.start(services.platform, foreign.job_id, OF_NOBODY)
