"""Deliveries survive workers that die: attempts are counted, none is sent after its time."""

from datetime import timedelta
from uuid import UUID

import pytest

from ferryman.domain.outcome import failed, succeeded
from ferryman.errors import Conflict
from ferryman.services import attempt, message
from ferryman.services.attempt import Delivery

from .conftest import Play
from .stage import Stage

WAIT = timedelta(seconds=15)


async def triggered(stage: Stage) -> UUID:
    """The message that a claim owes, its job taken from the queue."""
    await stage.begin()
    [(job_id, job)] = await stage.deliver_jobs()
    await stage.finish_job(job_id)
    assert job.number == 1
    return job.message_id


async def begin(stage: Stage, message_id: UUID, number: int) -> Delivery | None:
    return await attempt.begin(stage.platform, message_id, number)


async def outcomes(stage: Stage, message_id: UUID) -> list[str]:
    view = await message.view(stage.platform, str(message_id))
    return [attempt.outcome for attempt in view.attempts]


async def state(stage: Stage, message_id: UUID) -> str:
    return (await message.view(stage.platform, str(message_id))).state.value


def test_a_job_that_comes_again_after_its_end_sends_nothing(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        message_id = await triggered(stage)
        delivery = await begin(stage, message_id, 1)
        assert delivery is not None
        await attempt.end(stage.platform, delivery, failed("after", "no", duration=1), WAIT)
        assert await begin(stage, message_id, 1) is None
        assert await outcomes(stage, message_id) == ["FAILED"]
        assert [job.number for _, job in await stage.deliver_jobs()] == [2]

    play(scene)


def test_workers_that_die_five_times_give_a_message_up_visibly(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        message_id = await triggered(stage)
        for number in range(1, 6):
            assert await begin(stage, message_id, number) is not None
            # The queue hands the job out again, since the worker is gone.
            assert await begin(stage, message_id, number) is None
            jobs = await stage.deliver_jobs(due=True)
            assert [job.number for _, job in jobs] == ([number + 1] if number < 5 else [])
            for job_id, _ in jobs:
                await stage.finish_job(job_id)
            # ... and once more: it knows its own attempt and leaves the next one alone.
            assert await begin(stage, message_id, number) is None
            assert await stage.deliver_jobs() == []
        assert await outcomes(stage, message_id) == ["LOST"] * 5
        assert await state(stage, message_id) == "UNDELIVERED"

    play(scene)


def test_the_late_outcome_of_a_lost_attempt_changes_nothing_for_the_worse(
    play: Play[None],
) -> None:
    async def scene(stage: Stage) -> None:
        message_id = await triggered(stage)
        slow = await begin(stage, message_id, 1)
        assert slow is not None
        assert await begin(stage, message_id, 1) is None
        [(_, job)] = await stage.deliver_jobs()
        assert job.number == 2
        await attempt.end(stage.platform, slow, failed("during", "late", duration=1), WAIT)
        assert await state(stage, message_id) == "PENDING"
        assert len(await stage.deliver_jobs()) == 1, "one attempt is owed, not two"

        second = await begin(stage, message_id, 2)
        assert second is not None
        await attempt.end(stage.platform, slow, succeeded(duration=1), WAIT)
        assert await state(stage, message_id) == "DELIVERED"
        await attempt.end(stage.platform, second, failed("after", "no", duration=1), WAIT)
        assert await state(stage, message_id) == "DELIVERED"
        assert len(await stage.deliver_jobs()) == 1

    play(scene)


def test_nothing_begins_after_an_acknowledgement(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        receipt = await stage.upload(transfer_id)
        await stage.acknowledge(transfer_id, receipt.message_id)
        assert await begin(stage, UUID(receipt.message_id), 1) is None
        assert await outcomes(stage, UUID(receipt.message_id)) == []
        with pytest.raises(Conflict, match="message_not_redeliverable"):
            await message.redeliver(stage.platform, receipt.message_id)

    play(scene)


def test_acknowledged_by_a_handler_that_then_fails_is_delivered(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        receipt = await stage.upload(transfer_id)
        message_id = UUID(receipt.message_id)
        delivery = await begin(stage, message_id, 1)
        assert delivery is not None
        await stage.acknowledge(transfer_id, receipt.message_id)
        before = await stage.deliver_jobs()
        await attempt.end(stage.platform, delivery, failed("after", "no", duration=1), WAIT)
        assert await state(stage, message_id) == "DELIVERED"
        assert await stage.deliver_jobs() == before

    play(scene)


def test_settling_gives_up_what_is_under_way_once(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        receipt = await stage.upload(transfer_id)
        message_id = UUID(receipt.message_id)
        delivery = await begin(stage, message_id, 1)
        assert delivery is not None
        await stage.pass_time(timedelta(minutes=15))
        [timer] = await stage.wake_jobs(transfer_id, due=True)
        from ferryman.services import transfer

        await transfer.wake(stage.platform, UUID(transfer_id), timer)
        assert await state(stage, message_id) == "UNDELIVERED"
        await attempt.end(stage.platform, delivery, failed("after", "no", duration=1), WAIT)
        query = "SELECT count(*) FROM timeline WHERE kind = 'message.undelivered'"
        assert (await stage.fetch(query))[0][0] == 1
        [row] = await stage.fetch(
            "SELECT reason, open_attempt FROM message WHERE message_id = $1", message_id
        )
        assert "TIMED_OUT" in row["reason"]
        assert not row["open_attempt"]

    play(scene)
