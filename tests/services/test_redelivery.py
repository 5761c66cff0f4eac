"""What was given up is listed, counted and delivered again, many at a time, under its ids."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from ferryman.clock import epoch_ms
from ferryman.domain.outcome import failed, succeeded
from ferryman.errors import Conflict, Invalid, NotFound
from ferryman.services import app as app_service
from ferryman.services import app_list, message_list, redelivery
from ferryman.services import message as message_service
from ferryman.services.message_list import MessageListQuery
from ferryman.store import transfer as transfer_store
from ferryman.vocab import FailureCause, MessageState
from ferryman.wire.redelivery import RedeliveryRequest
from tests.kit.database import until_blocked
from tests.kit.services import BACK_OFF, ManualWorker, Services

GOOD = succeeded(duration=0.1)
BAD = failed("after", FailureCause.APP_FAILED, "no", duration=0.1)
ALL = RedeliveryRequest(since=0)


async def give_up(services: Services, worker: ManualWorker) -> None:
    """All that is due fails until it is given up."""
    while (await services.message_states())["PENDING"]:
        await worker.deliver_all(BAD)
        await services.advance(BACK_OFF)


def query(request: RedeliveryRequest) -> MessageListQuery:
    return MessageListQuery(
        state=MessageState.UNDELIVERED,
        transfer_id=request.transfer_id,
        app=request.cloud_app_key,
        since=request.since,
        to=request.to,
        customer=request.customer,
    )


async def undelivered(services: Services, request: RedeliveryRequest = ALL) -> list[str]:
    page = await message_list.page(services.platform, query(request), size=1000)
    assert page.total == len(page.items)
    return [each.message_id for each in page.items]


async def test_all_of_a_transfer_an_app_or_a_time(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In batches; each keeps its id and gets a round of attempts of its own."""
    monkeypatch.setattr(redelivery, "_BATCH", 3)
    worker = services.worker()
    first = await services.start_transfer()
    for _ in range(7):
        await services.upload(first)
    await give_up(services, worker)
    between = await services.platform.database.now()
    second = await services.start_transfer("another agent")
    await give_up(services, worker)
    ids = await undelivered(services)
    assert len(ids) == 9
    for request, expected in (
        (RedeliveryRequest(transfer_id=first), ids[:8]),
        (RedeliveryRequest(transfer_id=second), ids[8:]),
        (RedeliveryRequest(cloud_app_key=services.app.cloud_app_key), ids),
        (RedeliveryRequest(to=epoch_ms(between)), ids[:8]),
        (RedeliveryRequest(since=epoch_ms(between)), ids[8:]),
    ):
        assert await undelivered(services, request) == expected
        answer = await redelivery.redeliver(services.platform, request)
        assert (answer.redelivered, answer.left) == (len(expected), 0)
        assert await services.message_states() == {
            key: count
            for key, count in {
                "PENDING": len(expected),
                "UNDELIVERED": 9 - len(expected),
            }.items()
            if count
        }
        await give_up(services, worker)
        assert await undelivered(services) == ids, "the same, in the same order"
    answer = await redelivery.redeliver(services.platform, ALL)
    assert answer.redelivered == 9
    assert await worker.deliver_all(GOOD) == 9
    assert await undelivered(services) == []
    view = await message_service.view(services.platform, ids[0])
    assert (view.state, view.message_id) == (MessageState.DELIVERED, ids[0])
    assert len(view.attempts) == 5 * 4 + 1, "every attempt stays recorded"


async def test_what_matters_no_more_is_left(services: Services) -> None:
    """An acknowledged message, and app data of a settled transfer."""
    worker = services.worker()
    transfer_id = await services.start_transfer()
    known = await services.upload(transfer_id)
    await give_up(services, worker)
    await services.acknowledge(transfer_id, known.message_id)
    answer = await redelivery.redeliver(services.platform, ALL)
    assert (answer.redelivered, answer.left) == (1, 1)
    assert await undelivered(services) == [known.message_id]

    await worker.deliver_all(GOOD)
    late = await services.upload(transfer_id)
    await services.advance(timedelta(days=15))
    assert await services.fire_timer(transfer_id)
    assert (await services.state(transfer_id)).status.final
    assert late.message_id in await undelivered(services)
    answer = await redelivery.redeliver(services.platform, ALL)
    assert answer.left == 2


async def test_pages_belong_to_their_query(services: Services) -> None:
    worker, found, cursor = services.worker(), [], None
    transfer_id = await services.start_transfer()
    for _ in range(4):
        await services.upload(transfer_id)
    await give_up(services, worker)
    for number in range(3):
        page = await message_list.page(services.platform, query(ALL), cursor=cursor, size=2)
        assert page.total == (5 if number == 0 else None)
        found += [each.message_id for each in page.items]
        cursor = page.next_cursor
        if number == 0:
            other = RedeliveryRequest(transfer_id=transfer_id)
            with pytest.raises(Invalid, match="cursor_invalid"):
                await message_list.page(services.platform, query(other), cursor=cursor, size=2)
    assert cursor is None
    assert found == await undelivered(services)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (RedeliveryRequest(), "redelivery_unbounded"),
        (RedeliveryRequest(since=-1), "instant_invalid"),
        (RedeliveryRequest(to=2**62), "instant_invalid"),
        (RedeliveryRequest(transfer_id="nowhere"), "transfer_not_found"),
        (RedeliveryRequest(cloud_app_key="nobody"), "app_not_found"),
    ],
)
async def test_what_is_refused(services: Services, request_: RedeliveryRequest, code: str) -> None:
    with pytest.raises((Invalid, NotFound), match=code):
        await redelivery.redeliver(services.platform, request_)


async def test_a_transfer_that_settles_meanwhile_is_waited_for(services: Services) -> None:
    """Or the message would be due again by a transfer that has given it up."""
    transfer_id = await services.start_transfer()
    receipt = await services.upload(transfer_id)
    await give_up(services, services.worker())
    async with services.platform.database.transaction() as tx:
        stored = await transfer_store.lock(tx, UUID(transfer_id))
        assert stored is not None
        again = asyncio.create_task(
            message_service.redeliver(services.platform, receipt.message_id)
        )
        await until_blocked(tx.connection, again)
        await tx.connection.execute(
            "UPDATE transfer SET status = 'TIMED_OUT', settled_at = $2,"
            " wake_at = NULL WHERE transfer_id = $1",
            UUID(transfer_id),
            tx.now,
        )
    with pytest.raises(Conflict, match="message_not_redeliverable"):
        await again


async def test_breakers_are_seen_and_closed_by_hand(services: Services) -> None:
    assert (await app_service.view(services.platform, services.app.cloud_app_key)).failing == []
    now = await services.platform.database.now()
    for url, trips, until in (
        ("https://a/", 1, now + timedelta(minutes=1)),
        ("https://b/", 0, None),
    ):
        await services.fetch(
            "INSERT INTO breaker (app_id, endpoint, event_types, weight, trips, open_until,"
            " error, changed_at) VALUES ($1, $2, '{}', 20, $3, $4, 'it hangs', $5)",
            *(services.app.app_id, url, trips, until, now),
        )
    view = await app_service.view(services.platform, services.app.cloud_app_key)
    assert [(each.endpoint, each.breaker) for each in view.failing] == [
        ("https://a/", "OPEN"),
        ("https://b/", "COUNTING"),
    ]
    assert view.failing[0].last_error == "it hangs"
    assert (await app_list.page(services.platform)).items[0].failing == view.failing
    await services.advance(timedelta(minutes=2))
    view = await app_service.view(services.platform, services.app.cloud_app_key)
    assert view.failing[0].breaker == "HALF_OPEN"
    assert (await app_service.retry(services.platform, services.app.cloud_app_key)).failing == []
    assert await services.fetch("SELECT FROM breaker") == []
