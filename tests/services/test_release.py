"""Fair shares: a window of each app's messages is in the queue, and all of them get there."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from ferryman.domain.limits import RELEASE_WINDOW
from ferryman.domain.outcome import Outcome, failed, succeeded
from ferryman.services import attempt, explain, message, release, transfer
from ferryman.store import message as messages
from ferryman.vocab import Lane, MessageState

from .conftest import Play
from .stage import Stage

FILES = 100
BACK_OFF = timedelta(minutes=1)
GOOD = succeeded(duration=0.1)
BAD = failed("after", "no", duration=0.1)


async def lanes(stage: Stage) -> Counter[str]:
    """How many pending messages of the app stand where."""
    query = "SELECT lane, count(*) FROM message WHERE state = 'PENDING' GROUP BY lane"
    return Counter({row["lane"]: row["count"] for row in await stage.fetch(query)})


async def states(stage: Stage) -> Counter[str]:
    query = "SELECT state, count(*) FROM message GROUP BY state"
    return Counter({row["state"]: row["count"] for row in await stage.fetch(query)})


async def check_window(stage: Stage) -> None:
    """No more than the window is released, all that is has a job, and none waits needlessly."""
    found = await lanes(stage)
    assert found["RELEASED"] <= RELEASE_WINDOW, found
    query = "SELECT message_id FROM message WHERE state = 'PENDING' AND lane = 'RELEASED'"
    released = {row["message_id"] for row in await stage.fetch(query)}
    assert released <= {job.message_id for _, job in await stage.deliver_jobs(due=True)}
    if found["WAITING"]:
        assert found["RELEASED"] == RELEASE_WINDOW, found


async def take(stage: Stage, job_id: int, message_id: UUID, number: int, outcome: Outcome) -> bool:
    """Do a job as a worker does it; whether an attempt was made."""
    await release.needs_place_of(stage.platform, message_id, number)
    delivery = await attempt.begin(stage.platform, message_id, number)
    if delivery is not None:
        await attempt.end(stage.platform, delivery, outcome, BACK_OFF)
    await stage.finish_job(job_id)
    return delivery is not None


async def work(stage: Stage, outcome: Outcome) -> int:
    """Do the jobs that are due, and those they release; how many attempts that took."""
    attempts = 0
    while jobs := await stage.deliver_jobs(due=True):
        job_id, job = jobs[0]
        attempts += await take(stage, job_id, job.message_id, job.number, outcome)
        await check_window(stage)
    return attempts


async def upload_many(stage: Stage, transfer_id: str, count: int = FILES) -> list[str]:
    receipts = await asyncio.gather(*(stage.upload(transfer_id) for _ in range(count)))
    return [receipt.message_id for receipt in receipts]


def test_sixteen_of_a_hundred_messages_are_released_and_all_are_delivered(
    play: Play[None],
) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        for number in range(2, 30):
            await stage.upload(transfer_id)
            found = await lanes(stage)
            assert found["RELEASED"] == min(number, RELEASE_WINDOW)
        await upload_many(stage, transfer_id, FILES - 28)
        found = await lanes(stage)
        assert (found["RELEASED"], found["WAITING"]) == (16, FILES + 1 - 16)
        assert len(await stage.deliver_jobs()) == 16
        assert await work(stage, GOOD) == FILES + 1
        assert await states(stage) == {"DELIVERED": FILES + 1}

    play(scene)


def test_a_window_full_of_retries_lets_every_message_through(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        await upload_many(stage, await stage.begin())
        assert await work(stage, BAD) == FILES + 1
        assert await lanes(stage) == {"DEFERRED": FILES + 1}
        await stage.pass_time(BACK_OFF)
        jobs = await stage.deliver_jobs(due=True)
        assert len(jobs) == FILES + 1
        # A worker takes them all up before it calls any function: sixteen of them may wait for
        # one, the jobs of all others are over.
        for number, (job_id, job) in enumerate(jobs, 1):
            app = await release.needs_place_of(stage.platform, job.message_id, job.number)
            assert (app is not None) == (number <= RELEASE_WINDOW)
            if app is None:
                await stage.finish_job(job_id)
        await check_window(stage)
        found = await lanes(stage)
        assert (found["RELEASED"], found["WAITING"]) == (16, FILES + 1 - 16)
        assert await work(stage, GOOD) == FILES + 1
        assert await states(stage) == {"DELIVERED": FILES + 1}

    play(scene)


def test_a_retry_waits_its_back_off_even_if_its_old_job_comes_again(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        await stage.begin()
        [(job_id, job)] = await stage.deliver_jobs()
        assert await take(stage, job_id, job.message_id, job.number, BAD)
        # The worker died before it could strike the job off.
        assert await release.needs_place_of(stage.platform, job.message_id, job.number) is None
        assert await attempt.begin(stage.platform, job.message_id, job.number) is None
        assert await lanes(stage) == {"DEFERRED": 1}
        assert await stage.deliver_jobs(due=True) == []

    play(scene)


def test_a_message_that_is_redelivered_waits_for_its_turn(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        first = (await stage.upload(transfer_id)).message_id
        for _ in range(5):
            await work(stage, BAD)
            await stage.pass_time(BACK_OFF)
        assert await states(stage) == {"UNDELIVERED": 2}
        await upload_many(stage, transfer_id, 40)
        view = await message.redeliver(stage.platform, first)
        assert view.state is MessageState.PENDING
        found = await lanes(stage)
        assert (found["RELEASED"], found["WAITING"]) == (16, 25)
        assert await work(stage, GOOD) == 41
        assert await states(stage) == {"UNDELIVERED": 1, "DELIVERED": 41}

    play(scene)


def test_a_transfer_that_settles_makes_room_for_the_apps_others(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        full = await stage.begin()
        await upload_many(stage, full, 40)
        await stage.pass_time(timedelta(minutes=10))
        other = await stage.begin("another agent")
        sent = await upload_many(stage, other, 20)
        await stage.pass_time(timedelta(minutes=5))
        [timer] = await stage.wake_jobs(full, due=True)
        await transfer.wake(stage.platform, UUID(full), timer)
        assert (await states(stage))["UNDELIVERED"] == 40
        await check_window(stage)
        # Both transfers' `triggered`, the twenty files, and that the first one settled.
        assert await work(stage, GOOD) == 23
        query = "SELECT count(*) FROM message WHERE state = 'DELIVERED' AND message_id = ANY($1)"
        assert (await stage.fetch(query, [UUID(each) for each in sent]))[0][0] == 20

    play(scene)


def test_what_is_acknowledged_before_it_was_sent_makes_room(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        sent = await upload_many(stage, transfer_id, 40)
        await stage.acknowledge(transfer_id, *sent[:30])
        await check_window(stage)
        assert (await states(stage))["DELIVERED"] == 30
        told = await explain.explain(stage.platform, sent[0])
        found = {link.name: link.found for link in told.links}
        assert told.broken is None
        assert found["delivery"] == "not needed: acknowledged before an attempt got through"
        assert found["acknowledgement"] == "SUCCESS"
        # `triggered` and the ten that nobody acknowledged.
        assert await work(stage, GOOD) == 11
        assert await states(stage) == {"DELIVERED": 41}
        told = await explain.explain(stage.platform, sent[35])
        assert {link.name: link.found for link in told.links}["delivery"] == "delivered"

    play(scene)


def test_two_transactions_that_miss_each_other_strand_nothing(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        await upload_many(stage, transfer_id, RELEASE_WINDOW - 1)
        jobs = await stage.deliver_jobs()
        assert len(jobs) == RELEASE_WINDOW
        async with stage.platform.database.transaction() as tx:
            # One ends all that is released, and sees nothing that waits ...
            for _, job in jobs:
                ended = await messages.lock(tx, job.message_id)
                assert ended is not None
                done = replace(ended.state, state=MessageState.DELIVERED)
                await messages.save(
                    tx, job.message_id, done, lane=Lane.RELEASED, reason=None, next_attempt_at=None
                )
            await release.release(tx, stage.app.app_id)
            # ... while the other owes a new message, and sees a full window.
            late = (await stage.upload(transfer_id)).message_id
        for job_id, _ in jobs:
            await stage.finish_job(job_id)
        assert await lanes(stage) == {"WAITING": 1}, "they did not miss each other"
        await release.rescue(stage.platform)
        assert await lanes(stage) == {"RELEASED": 1}
        [(_, job)] = await stage.deliver_jobs()
        assert (str(job.message_id), job.number) == (late, 1)
        await release.rescue(stage.platform)
        assert len(await stage.deliver_jobs()) == 1, "rescued twice"
        assert await work(stage, GOOD) == 1

    play(scene)


def test_workers_side_by_side_deliver_everything_once(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        transfers = [await stage.begin(f"agent {number}") for number in range(3)]
        await asyncio.gather(*(upload_many(stage, each, 30) for each in transfers))
        for outcome in (BAD, GOOD):
            attempts = 0
            while True:
                await release.rescue(stage.platform)
                jobs = await stage.deliver_jobs(due=True)
                if not jobs:
                    break
                made = await asyncio.gather(
                    *(take(stage, id_, job.message_id, job.number, outcome) for id_, job in jobs)
                )
                attempts += sum(made)
            assert attempts == 93
            await stage.pass_time(BACK_OFF)
        assert await states(stage) == {"DELIVERED": 93}

    play(scene)
