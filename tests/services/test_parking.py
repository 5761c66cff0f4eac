"""Events of a Connect app without an address wait, and are never left behind."""

import asyncio

import pytest

from ferryman.domain.outcome import failed, succeeded
from ferryman.services import app as app_service
from ferryman.services import attempt
from ferryman.services import connect as connect_service
from ferryman.services import delivery as delivery_service
from ferryman.services import message as message_service
from ferryman.services import worker as worker_service
from ferryman.vocab import AppKind, Audience, FailureCause, MessageState, ReportedStatus
from ferryman.wire.app import AppRegistration
from ferryman.wire.connect import ProgressReport
from tests.kit.services import BACK_OFF, Services, due_lanes, result

HOOK = "http://127.0.0.1:9/in"
MANY = 40
GOOD = succeeded(duration=0.1)
BAD = failed("after", FailureCause.APP_FAILED, "no", duration=0.1)


async def parked(services: Services) -> int:
    """How many messages wait without a due time."""
    query = "SELECT count(*) FROM message WHERE state = 'PENDING' AND next_attempt_at IS NULL"
    return int((await services.fetch(query))[0][0])


@pytest.fixture
async def services(services: Services) -> Services:
    """Have a Connect app in place of the Forge app."""
    request = AppRegistration(
        kind=AppKind.CONNECT, server_app_key="harbour-server", cloud_app_key="harbour-cloud"
    )
    tokens = await app_service.register(services.platform, request)
    app = await app_service.authenticate(services.platform, tokens.server_token, Audience.SERVER)
    return Services(services.platform, app)


async def register(services: Services, *urls: str) -> None:
    await connect_service.set_webhooks(services.platform, services.app, list(urls))


async def test_everything_is_parked_and_all_of_it_comes_back(services: Services) -> None:
    worker = services.worker()
    transfer_id = await services.start_transfer()
    for _ in range(MANY):
        await services.upload(transfer_id)
    assert await worker.deliver_all(GOOD) == 0
    assert await parked(services) == MANY + 1
    sight = await worker_service.heartbeat(services.platform, worker.worker_id)
    assert sight.due == {}, "nobody waits for them"
    await register(services)
    assert await parked(services) == MANY + 1, "no address is none"

    await register(services, HOOK)
    assert await parked(services) == 0
    assert await worker.deliver_all(GOOD) == MANY + 1
    assert await services.message_states() == {MessageState.DELIVERED: MANY + 1}


async def test_an_address_that_comes_while_messages_are_parked_is_seen(services: Services) -> None:
    """Whoever is first: both at once, many times over, leave nothing parked."""
    worker = services.worker()
    transfer_id = await services.start_transfer()
    for _ in range(8):
        await register(services)
        for _ in range(4):
            await services.upload(transfer_id)
        claimed, _ = await asyncio.gather(worker.claim(), register(services, HOOK))
        await worker.record(GOOD, *claimed)
        assert await parked(services) == 0
        await worker.deliver_all(GOOD)
        assert set(await services.message_states()) == {MessageState.DELIVERED}


async def test_what_is_in_flight_when_its_address_goes_is_tried_again_and_parked(
    services: Services,
) -> None:
    worker = services.worker()
    await register(services, HOOK)
    await services.start_transfer()
    delivery = await worker.claim_one()
    await register(services)
    await worker.record(BAD, delivery)
    await services.advance(BACK_OFF)
    assert await worker.deliver_all(GOOD) == 0
    assert await parked(services) == 1
    await register(services, HOOK)
    again = await worker.claim_one()
    assert again.message.number == 2


async def test_the_end_gives_up_what_is_parked(services: Services) -> None:
    worker = services.worker()
    transfer_id = await services.start_transfer()
    await services.upload(transfer_id)
    await worker.deliver_all(GOOD)
    await connect_service.report(
        services.platform, services.app, transfer_id, ProgressReport(status=ReportedStatus.SUCCESS)
    )
    await worker.deliver_all(GOOD)
    assert await services.message_states() == {MessageState.UNDELIVERED: 3}
    await register(services, HOOK)
    assert await due_lanes(services.platform) == [], "nothing is sent after the end"


async def test_an_outcome_after_the_end_is_kept(services: Services) -> None:
    """An attempt that ran while the transfer settled: delivered is delivered, failed is over."""
    worker = services.worker()
    await register(services, HOOK)
    transfer_id = await services.start_transfer()
    await worker.deliver_all(GOOD)
    for _ in range(2):
        await services.upload(transfer_id)
    good, bad = await worker.claim()
    await connect_service.report(
        services.platform, services.app, transfer_id, ProgressReport(status=ReportedStatus.FAILED)
    )
    await worker.record(GOOD, good)
    await worker.record(failed("during", FailureCause.CONNECTION_BROKE, "gone", duration=0.1), bad)
    views = [
        await message_service.view(services.platform, str(each.message.message_id))
        for each in (good, bad)
    ]
    assert [view.state for view in views] == [
        MessageState.DELIVERED,
        MessageState.UNDELIVERED,
    ]


async def test_an_address_that_took_a_message_is_not_sent_it_again(services: Services) -> None:
    worker = services.worker()
    await register(services, HOOK, f"{HOOK}/bad")
    await services.start_transfer()
    first = await worker.claim_one()
    await attempt.record(services.platform, [result(first, GOOD, BAD)], worker.known)
    await services.advance(BACK_OFF)
    second = await worker.claim_one()
    assert second.routes == first.routes[1:]


async def test_an_address_that_is_removed_is_owed_nothing(services: Services) -> None:
    """All that are left took the message: it is delivered, with no further request."""
    worker = services.worker()
    await register(services, HOOK, f"{HOOK}/bad")
    await services.start_transfer()
    delivery = await worker.claim_one()
    await attempt.record(services.platform, [result(delivery, GOOD, BAD)], worker.known)
    await register(services, HOOK)
    await services.advance(BACK_OFF)
    again = await worker.claim_one()
    assert again.routes == ()
    await worker.record(BAD, again)
    assert await services.message_states() == {MessageState.DELIVERED: 1}


async def test_an_app_that_is_not_installed_is_owed_its_events(services: Services) -> None:
    """Nothing can be signed without a shared secret, so its events wait for that too."""
    worker = services.worker()
    await register(services, HOOK)
    await services.start_transfer()
    async with services.platform.database.transaction() as tx:
        await tx.connection.execute("UPDATE app SET shared_secret = NULL")
    assert await worker.deliver_all(GOOD) == 0
    assert await parked(services) == 1
    [row] = await services.fetch("SELECT reason FROM message")
    assert row["reason"] == "the app is not installed"
    async with services.platform.database.transaction() as tx:
        await tx.connection.execute("UPDATE app SET shared_secret = 'secret'")
        await delivery_service.on_definition_changed(tx, services.app.app_id)
    assert await worker.deliver_all(GOOD) == 1
