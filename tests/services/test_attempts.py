"""Attempts survive workers that die: each is counted, none begins after its time."""

from datetime import timedelta
from uuid import UUID

import pytest

from ferryman.domain.outcome import Outcome, failed, succeeded
from ferryman.errors import Conflict
from ferryman.services import message, transfer
from ferryman.services import worker as workers
from ferryman.services.delivery import Delivery
from ferryman.vocab import FailureCause

from .conftest import Play
from .stage import BACK_OFF, SILENCE, Stage, Worker

GOOD = succeeded(duration=0.1)
BAD = failed("after", FailureCause.APP_FAILED, "no", duration=0.1)


async def outcomes(stage: Stage, delivery: Delivery) -> list[str]:
    """How the attempts at a message ended, as an admin sees them."""
    view = await message.view(stage.platform, str(delivery.message.message_id))
    assert [each.number for each in view.attempts] == list(range(1, len(view.attempts) + 1))
    return [each.outcome for each in view.attempts]


async def state(stage: Stage, delivery: Delivery) -> str:
    return (await message.view(stage.platform, str(delivery.message.message_id))).state.value


async def die(stage: Stage, worker: Worker) -> int:
    """The worker says nothing more, and another one notices; the messages it left."""
    await worker.fall_silent()
    return await stage.take_over()


async def upload_begun(stage: Stage, worker: Worker) -> tuple[str, Delivery]:
    """A transfer, and an attempt at announcing its one file."""
    transfer_id = await stage.begin()
    assert await worker.work(GOOD) == 1
    receipt = await stage.upload(transfer_id)
    delivery = await worker.take_only()
    assert str(delivery.message.message_id) == receipt.message_id
    return transfer_id, delivery


def test_a_failed_attempt_is_followed_by_another_after_its_back_off(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        worker = stage.worker()
        await stage.begin()
        first = await worker.take_only()
        assert first.message.number == 1
        assert await outcomes(stage, first) == ["RUNNING"]
        await worker.record(BAD, first)
        assert await worker.take() == []
        await stage.pass_time(BACK_OFF)
        second = await worker.take_only()
        assert second.message.number == 2
        await worker.record(GOOD, second)
        assert await outcomes(stage, second) == ["FAILED", "DELIVERED"]
        await stage.pass_time(timedelta(days=20))
        assert await worker.take() == []

    play(scene)


def test_workers_that_die_five_times_give_a_message_up_visibly(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        await stage.begin()
        for number in range(1, 6):
            worker = stage.worker()
            delivery = await worker.take_only()
            assert delivery.message.number == number
            assert await state(stage, delivery) == "PENDING"
            assert await die(stage, worker) == 1
            assert await stage.take_over() == 0, "counted twice"
            assert await outcomes(stage, delivery) == ["LOST"] * number
        assert await stage.worker().take() == []
        assert await state(stage, delivery) == "UNDELIVERED"
        kinds = [row["kind"] for row in await stage.fetch("SELECT kind FROM timeline")]
        assert kinds.count("attempt.lost") == 5
        assert kinds.count("message.undelivered") == 1

    play(scene)


def test_a_worker_that_says_it_lives_keeps_what_it_claimed(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        slow, dead = stage.worker(), stage.worker()
        await stage.begin("agent 1")
        [kept] = await slow.take()
        await stage.begin("agent 2")
        [left] = await dead.take()
        await stage.pass_time(timedelta(hours=1))  # the platform's clock is not the worker's
        assert await stage.take_over() == 0
        await slow.fall_silent()
        await slow.look()
        assert await die(stage, dead) == 1
        assert await outcomes(stage, kept) == ["RUNNING"]
        assert await outcomes(stage, left) == ["LOST"]
        await slow.record(GOOD, kept)
        assert await state(stage, kept) == "DELIVERED"

    play(scene)


def test_what_a_worker_claims_after_it_was_taken_for_dead_is_its_own(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        worker = stage.worker()
        await stage.begin()
        await worker.take()
        assert await die(stage, worker) == 1
        again = await worker.take_only()
        assert await stage.take_over() == 0
        await worker.record(GOOD, again)
        assert await outcomes(stage, again) == ["LOST", "DELIVERED"]

    play(scene)


def test_the_late_outcome_of_a_lost_attempt_changes_nothing_for_the_worse(
    play: Play[None],
) -> None:
    async def scene(stage: Stage) -> None:
        late, prompt = stage.worker(), stage.worker()
        await stage.begin()
        slow = await late.take_only()
        assert await die(stage, late) == 1
        await late.record(failed("during", FailureCause.CONNECTION_BROKE, "late", duration=1), slow)
        assert await state(stage, slow) == "PENDING"
        assert await outcomes(stage, slow) == ["FAILED"], "it is known now"

        second = await prompt.take_only()
        assert second.message.number == 2, "one attempt is owed, not two"
        assert await prompt.take() == []
        await late.record(GOOD, slow)
        assert await state(stage, slow) == "DELIVERED"
        await prompt.record(BAD, second)
        assert await state(stage, slow) == "DELIVERED"
        await stage.pass_time(BACK_OFF)
        assert await prompt.take() == []
        [row] = await stage.fetch("SELECT worker_id, next_attempt_at FROM message")
        assert tuple(row) == (None, None), "nobody's any more"

    play(scene)


def test_a_late_failure_leaves_the_next_attempt_to_its_worker(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        late, prompt = stage.worker(), stage.worker()
        await stage.begin()
        slow = await late.take_only()
        await die(stage, late)
        second = await prompt.take_only()
        await late.record(BAD, slow)
        await stage.pass_time(timedelta(hours=1))
        assert await stage.worker().take() == [], "it is in flight"
        await prompt.record(GOOD, second)
        assert await outcomes(stage, second) == ["FAILED", "DELIVERED"]

    play(scene)


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_two_attempts_at_one_message_may_end_in_one_batch(
    play: Play[None], order: list[int]
) -> None:
    """The worker was silent, lost its message, and claimed it once more."""

    async def scene(stage: Stage) -> None:
        worker = stage.worker()
        await stage.begin()
        first = await worker.take_only()
        await die(stage, worker)
        both = [first, await worker.take_only()]
        await worker.record(BAD, *(both[index] for index in order))
        assert await outcomes(stage, first) == ["FAILED", "FAILED"]
        await stage.pass_time(BACK_OFF)
        third = await worker.take_only()
        assert third.message.number == 3

    play(scene)


def test_an_outcome_that_is_recorded_twice_counts_once(play: Play[None]) -> None:
    """The connection was lost while committing, so nobody knows whether it was kept."""

    async def scene(stage: Stage) -> None:
        worker = stage.worker()
        await stage.begin()
        delivery = await worker.take_only()
        await worker.record(BAD, delivery)
        before = await stage.fetch("SELECT * FROM message")
        await worker.record(BAD, delivery)
        assert await stage.fetch("SELECT * FROM message") == before
        assert await outcomes(stage, delivery) == ["FAILED"]

    play(scene)


def test_nothing_begins_after_an_acknowledgement(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        worker = stage.worker()
        transfer_id = await stage.begin()
        await worker.work(GOOD)
        receipt = await stage.upload(transfer_id)
        await stage.acknowledge(transfer_id, receipt.message_id)
        assert await worker.take() == []
        view = await message.view(stage.platform, receipt.message_id)
        assert (view.state.value, view.attempts) == ("DELIVERED", [])
        with pytest.raises(Conflict, match="message_not_redeliverable"):
            await message.redeliver(stage.platform, receipt.message_id)

    play(scene)


@pytest.mark.parametrize("outcome", [GOOD, BAD], ids=["delivered", "failed"])
def test_acknowledged_by_a_handler_is_delivered_however_it_ends(
    play: Play[None], outcome: Outcome
) -> None:
    async def scene(stage: Stage) -> None:
        worker = stage.worker()
        transfer_id, delivery = await upload_begun(stage, worker)
        await stage.acknowledge(transfer_id, str(delivery.message.message_id))
        assert await state(stage, delivery) == "PENDING", "the attempt goes on"
        await worker.record(outcome, delivery)
        assert await state(stage, delivery) == "DELIVERED"
        await stage.pass_time(timedelta(hours=1))
        assert [each.message.message_id for each in await worker.take()] == []

    play(scene)


def test_acknowledged_in_the_hands_of_a_worker_that_dies_is_delivered(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        worker = stage.worker()
        transfer_id, delivery = await upload_begun(stage, worker)
        await stage.acknowledge(transfer_id, str(delivery.message.message_id))
        assert await die(stage, worker) == 1
        assert await state(stage, delivery) == "DELIVERED"
        assert await outcomes(stage, delivery) == ["LOST"]
        assert await stage.worker().take() == []

    play(scene)


@pytest.mark.parametrize("end", ["failed", "delivered", "lost"])
def test_settling_gives_up_what_is_under_way_once(play: Play[None], end: str) -> None:
    async def scene(stage: Stage) -> None:
        worker = stage.worker()
        transfer_id, delivery = await upload_begun(stage, worker)
        await stage.pass_time(timedelta(minutes=15))
        [timer] = await stage.wake_jobs(transfer_id, due=True)
        await transfer.wake(stage.platform, UUID(transfer_id), timer)
        assert await state(stage, delivery) == "UNDELIVERED"
        if end == "lost":
            assert await die(stage, worker) == 1
        else:
            await worker.record(GOOD if end == "delivered" else BAD, delivery)
        through = end == "delivered"
        assert await state(stage, delivery) == ("DELIVERED" if through else "UNDELIVERED")
        query = "SELECT count(*) FROM timeline WHERE kind = 'message.undelivered'"
        assert (await stage.fetch(query))[0][0] == 1
        [row] = await stage.fetch(
            "SELECT reason, worker_id FROM message WHERE message_id = $1",
            delivery.message.message_id,
        )
        assert row["worker_id"] is None
        assert (row["reason"] is None) if through else ("TIMED_OUT" in row["reason"])

    play(scene)


def test_a_redelivery_by_hand_begins_a_new_round(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        worker = stage.worker()
        await stage.begin()
        for _ in range(5):
            delivery = await worker.take_only()
            await worker.record(BAD, delivery)
            await stage.pass_time(BACK_OFF)
        assert await worker.take() == []
        assert await state(stage, delivery) == "UNDELIVERED"
        view = await message.redeliver(stage.platform, str(delivery.message.message_id))
        assert view.state.value == "PENDING"
        again = await worker.take_only()
        assert (again.message.number, again.message.earlier) == (6, 5)
        await worker.record(GOOD, again)
        assert await outcomes(stage, again) == ["FAILED"] * 5 + ["DELIVERED"]

    play(scene)


def test_a_redelivery_while_the_old_attempt_still_runs(play: Play[None]) -> None:
    """Given up as lost five times, sent again by hand; then the fifth worker comes back."""

    async def scene(stage: Stage) -> None:
        await stage.begin()
        for _ in range(5):
            late = stage.worker()
            slow = await late.take_only()
            await die(stage, late)
        await message.redeliver(stage.platform, str(slow.message.message_id))
        worker = stage.worker()
        again = await worker.take_only()
        await late.record(BAD, slow)
        assert await state(stage, slow) == "PENDING"
        assert await stage.worker().take() == []
        await worker.record(GOOD, again)
        assert await outcomes(stage, again) == ["LOST"] * 4 + ["FAILED", "DELIVERED"]

    play(scene)


def test_a_worker_that_ends_in_order_leaves_no_row(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        worker, other = stage.worker(), stage.worker()
        await worker.look()
        await other.look()
        await workers.leave(stage.platform, worker.worker_id)
        rows = await stage.fetch("SELECT worker_id FROM worker")
        assert [row["worker_id"] for row in rows] == [other.worker_id]
        await workers.take_over(stage.platform, SILENCE)
        assert len(await stage.fetch("SELECT FROM worker")) == 1

    play(scene)
