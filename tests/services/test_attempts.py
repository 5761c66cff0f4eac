"""Attempts survive workers that die: each is counted, none begins after its time."""

from datetime import timedelta

import pytest

from ferryman.domain.outcome import Outcome, failed, succeeded
from ferryman.errors import Conflict
from ferryman.services import message as message_service
from ferryman.services import worker as worker_service
from ferryman.services.delivery import Delivery
from ferryman.store import message as message_store
from ferryman.store import message_view
from ferryman.vocab import FailureCause
from tests.kit.services import BACK_OFF, ManualWorker, Services

GOOD = succeeded(duration=0.1)
BAD = failed("after", FailureCause.APP_FAILED, "no", duration=0.1)


async def outcomes(services: Services, delivery: Delivery) -> list[str]:
    """How the attempts at a message ended, as an admin sees them."""
    view = await message_service.view(services.platform, str(delivery.message.message_id))
    assert [each.number for each in view.attempts] == list(range(1, len(view.attempts) + 1))
    return [each.outcome for each in view.attempts]


async def state(services: Services, delivery: Delivery) -> str:
    return (
        await message_service.view(services.platform, str(delivery.message.message_id))
    ).state.value


async def die(services: Services, worker: ManualWorker) -> int:
    """The worker says nothing more, and another one notices; the messages it left."""
    await worker.miss_heartbeats()
    return await services.rescue()


async def upload_begun(services: Services, worker: ManualWorker) -> tuple[str, Delivery]:
    """A transfer, and an attempt at announcing its one file."""
    transfer_id = await services.start_transfer()
    assert await worker.deliver_all(GOOD) == 1
    receipt = await services.upload(transfer_id)
    delivery = await worker.claim_one()
    assert str(delivery.message.message_id) == receipt.message_id
    return transfer_id, delivery


async def test_a_failed_attempt_is_followed_by_another_after_its_back_off(
    services: Services,
) -> None:
    worker = services.worker()
    await services.start_transfer()
    first = await worker.claim_one()
    assert first.message.number == 1
    assert await outcomes(services, first) == ["RUNNING"]
    await worker.record(BAD, first)
    assert await worker.claim() == []
    await services.advance(BACK_OFF)
    second = await worker.claim_one()
    assert second.message.number == 2
    await worker.record(GOOD, second)
    assert await outcomes(services, second) == ["FAILED", "DELIVERED"]
    await services.advance(timedelta(days=20))
    assert await worker.claim() == []


async def test_an_attempt_that_ends_while_it_is_read_is_shown_once(services: Services) -> None:
    worker = services.worker()
    await services.start_transfer()
    first = await worker.claim_one()
    async with services.platform.database.reading() as tx:
        stored = await message_store.by_id(tx, first.message.message_id)
    assert stored is not None
    await worker.record(BAD, first)
    async with services.platform.database.reading() as tx:
        [view] = await message_view.views(tx, [stored])
    assert [(each.number, each.outcome) for each in view.attempts] == [(1, "FAILED")]


async def test_workers_that_die_five_times_give_a_message_up_visibly(services: Services) -> None:
    await services.start_transfer()
    for number in range(1, 6):
        worker = services.worker()
        delivery = await worker.claim_one()
        assert delivery.message.number == number
        assert await state(services, delivery) == "PENDING"
        assert await die(services, worker) == 1
        assert await services.rescue() == 0, "counted twice"
        assert await outcomes(services, delivery) == ["LOST"] * number
    assert await services.worker().claim() == []
    assert await state(services, delivery) == "UNDELIVERED"
    kinds = [row["kind"] for row in await services.fetch("SELECT kind FROM timeline")]
    assert kinds.count("attempt.lost") == 5
    assert kinds.count("message.undelivered") == 1


async def test_a_worker_that_says_it_lives_keeps_what_it_claimed(services: Services) -> None:
    slow, dead = services.worker(), services.worker()
    await services.start_transfer("agent 1")
    [kept] = await slow.claim()
    await services.start_transfer("agent 2")
    [left] = await dead.claim()
    await services.advance(timedelta(hours=1))  # the platform's clock is not the worker's
    assert await services.rescue() == 0
    await slow.miss_heartbeats()
    await slow.heartbeat()
    assert await die(services, dead) == 1
    assert await outcomes(services, kept) == ["RUNNING"]
    assert await outcomes(services, left) == ["LOST"]
    await slow.record(GOOD, kept)
    assert await state(services, kept) == "DELIVERED"


async def test_what_a_worker_claims_after_it_was_taken_for_dead_is_its_own(
    services: Services,
) -> None:
    worker = services.worker()
    await services.start_transfer()
    await worker.claim()
    assert await die(services, worker) == 1
    again = await worker.claim_one()
    assert await services.rescue() == 0
    await worker.record(GOOD, again)
    assert await outcomes(services, again) == ["LOST", "DELIVERED"]


async def test_the_late_outcome_of_a_lost_attempt_changes_nothing_for_the_worse(
    services: Services,
) -> None:
    late, prompt = services.worker(), services.worker()
    await services.start_transfer()
    slow = await late.claim_one()
    assert await die(services, late) == 1
    await late.record(failed("during", FailureCause.CONNECTION_BROKE, "late", duration=1), slow)
    assert await state(services, slow) == "PENDING"
    assert await outcomes(services, slow) == ["FAILED"], "it is known now"

    second = await prompt.claim_one()
    assert second.message.number == 2, "one attempt is due, not two"
    assert await prompt.claim() == []
    await late.record(GOOD, slow)
    assert await state(services, slow) == "DELIVERED"
    await prompt.record(BAD, second)
    assert await state(services, slow) == "DELIVERED"
    await services.advance(BACK_OFF)
    assert await prompt.claim() == []
    [row] = await services.fetch("SELECT worker_id, next_attempt_at FROM message")
    assert tuple(row) == (None, None), "nobody's any more"


async def test_a_late_failure_leaves_the_next_attempt_to_its_worker(services: Services) -> None:
    late, prompt = services.worker(), services.worker()
    await services.start_transfer()
    slow = await late.claim_one()
    await die(services, late)
    second = await prompt.claim_one()
    await late.record(BAD, slow)
    await services.advance(timedelta(hours=1))
    assert await services.worker().claim() == [], "it is in flight"
    await prompt.record(GOOD, second)
    assert await outcomes(services, second) == ["FAILED", "DELIVERED"]


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
async def test_two_attempts_at_one_message_may_end_in_one_batch(
    services: Services, order: list[int]
) -> None:
    """The worker was silent, lost its message, and claimed it once more."""
    worker = services.worker()
    await services.start_transfer()
    first = await worker.claim_one()
    await die(services, worker)
    both = [first, await worker.claim_one()]
    await worker.record(BAD, *(both[index] for index in order))
    assert await outcomes(services, first) == ["FAILED", "FAILED"]
    await services.advance(BACK_OFF)
    third = await worker.claim_one()
    assert third.message.number == 3


async def test_an_outcome_that_is_recorded_twice_counts_once(services: Services) -> None:
    """The connection was lost while committing, so nobody knows whether it was kept."""
    worker = services.worker()
    await services.start_transfer()
    delivery = await worker.claim_one()
    await worker.record(BAD, delivery)
    before = await services.fetch("SELECT * FROM message")
    await worker.record(BAD, delivery)
    assert await services.fetch("SELECT * FROM message") == before
    assert await outcomes(services, delivery) == ["FAILED"]


async def test_nothing_begins_after_an_acknowledgement(services: Services) -> None:
    worker = services.worker()
    transfer_id = await services.start_transfer()
    await worker.deliver_all(GOOD)
    receipt = await services.upload(transfer_id)
    await services.acknowledge(transfer_id, receipt.message_id)
    assert await worker.claim() == []
    view = await message_service.view(services.platform, receipt.message_id)
    assert (view.state.value, view.attempts) == ("DELIVERED", [])
    with pytest.raises(Conflict, match="message_not_redeliverable"):
        await message_service.redeliver(services.platform, receipt.message_id)


@pytest.mark.parametrize("outcome", [GOOD, BAD], ids=["delivered", "failed"])
async def test_acknowledged_by_a_handler_is_delivered_however_it_ends(
    services: Services, outcome: Outcome
) -> None:
    worker = services.worker()
    transfer_id, delivery = await upload_begun(services, worker)
    await services.acknowledge(transfer_id, str(delivery.message.message_id))
    assert await state(services, delivery) == "PENDING", "the attempt goes on"
    await worker.record(outcome, delivery)
    assert await state(services, delivery) == "DELIVERED"
    await services.advance(timedelta(hours=1))
    assert [each.message.message_id for each in await worker.claim()] == []


async def test_acknowledged_in_the_hands_of_a_worker_that_dies_is_delivered(
    services: Services,
) -> None:
    worker = services.worker()
    transfer_id, delivery = await upload_begun(services, worker)
    await services.acknowledge(transfer_id, str(delivery.message.message_id))
    assert await die(services, worker) == 1
    assert await state(services, delivery) == "DELIVERED"
    assert await outcomes(services, delivery) == ["LOST"]
    assert await services.worker().claim() == []


@pytest.mark.parametrize("end", ["failed", "delivered", "lost"])
async def test_settling_gives_up_what_is_under_way_once(services: Services, end: str) -> None:
    worker = services.worker()
    transfer_id, delivery = await upload_begun(services, worker)
    await services.advance(timedelta(minutes=15))
    assert await services.fire_timer(transfer_id)
    assert await state(services, delivery) == "UNDELIVERED"
    if end == "lost":
        assert await die(services, worker) == 1
    else:
        await worker.record(GOOD if end == "delivered" else BAD, delivery)
    through = end == "delivered"
    assert await state(services, delivery) == ("DELIVERED" if through else "UNDELIVERED")
    query = "SELECT count(*) FROM timeline WHERE kind = 'message.undelivered'"
    assert (await services.fetch(query))[0][0] == 1
    [row] = await services.fetch(
        "SELECT reason, worker_id FROM message WHERE message_id = $1",
        delivery.message.message_id,
    )
    assert row["worker_id"] is None
    assert (row["reason"] is None) if through else ("TIMED_OUT" in row["reason"])


async def test_a_redelivery_by_hand_begins_a_new_round(services: Services) -> None:
    worker = services.worker()
    await services.start_transfer()
    for _ in range(5):
        delivery = await worker.claim_one()
        await worker.record(BAD, delivery)
        await services.advance(BACK_OFF)
    assert await worker.claim() == []
    assert await state(services, delivery) == "UNDELIVERED"
    view = await message_service.redeliver(services.platform, str(delivery.message.message_id))
    assert view.state.value == "PENDING"
    again = await worker.claim_one()
    assert (again.message.number, again.message.earlier) == (6, 5)
    await worker.record(GOOD, again)
    assert await outcomes(services, again) == ["FAILED"] * 5 + ["DELIVERED"]


async def test_a_redelivery_while_the_old_attempt_still_runs(services: Services) -> None:
    """Given up as lost five times, sent again by hand; then the fifth worker comes back."""
    await services.start_transfer()
    for _ in range(5):
        late = services.worker()
        slow = await late.claim_one()
        await die(services, late)
    await message_service.redeliver(services.platform, str(slow.message.message_id))
    worker = services.worker()
    again = await worker.claim_one()
    await late.record(BAD, slow)
    assert await state(services, slow) == "PENDING"
    assert await services.worker().claim() == []
    await worker.record(GOOD, again)
    assert await outcomes(services, again) == ["LOST"] * 4 + ["FAILED", "DELIVERED"]


async def test_a_worker_that_ends_in_order_leaves_no_row(services: Services) -> None:
    worker, other = services.worker(), services.worker()
    await worker.heartbeat()
    await other.heartbeat()
    await worker_service.sign_off(services.platform, worker.worker_id)
    rows = await services.fetch("SELECT worker_id FROM worker")
    assert [row["worker_id"] for row in rows] == [other.worker_id]
    await services.rescue()
    assert len(await services.fetch("SELECT FROM worker")) == 1
