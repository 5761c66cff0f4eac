"""Events of a Connect app without an address wait, and are never left behind."""

import asyncio

from ferryman.domain.outcome import failed, succeeded
from ferryman.services import app as app_service
from ferryman.services import attempt as attempts
from ferryman.services import connect, message
from ferryman.services import delivery as deliveries
from ferryman.services import worker as workers
from ferryman.vocab import AppKind, Audience, FailureCause, MessageState, ReportedStatus
from ferryman.wire.app import AppRegistration
from ferryman.wire.connect import ProgressReport

from .conftest import Play
from .stage import BACK_OFF, Stage, due_lanes, result

HOOK = "http://127.0.0.1:9/in"
MANY = 40
GOOD = succeeded(duration=0.1)
BAD = failed("after", FailureCause.APP_FAILED, "no", duration=0.1)


async def parked(stage: Stage) -> int:
    """How many messages are owed without being due at any time."""
    query = "SELECT count(*) FROM message WHERE state = 'PENDING' AND next_attempt_at IS NULL"
    return int((await stage.fetch(query))[0][0])


async def connect_stage(stage: Stage) -> Stage:
    """The stage with a Connect app in the place of its Forge app."""
    request = AppRegistration(
        kind=AppKind.CONNECT, server_app_key="harbour-server", cloud_app_key="harbour-cloud"
    )
    tokens = await app_service.register(stage.platform, request)
    app = await app_service.authenticate(stage.platform, tokens.server_token, Audience.SERVER)
    return Stage(stage.platform, app)


async def register(stage: Stage, *urls: str) -> None:
    await connect.set_webhooks(stage.platform, stage.app, list(urls))


def test_everything_is_parked_and_all_of_it_comes_back(play: Play[None]) -> None:
    async def scene(forge: Stage) -> None:
        stage = await connect_stage(forge)
        worker = stage.worker()
        transfer_id = await stage.begin()
        for _ in range(MANY):
            await stage.upload(transfer_id)
        assert await worker.work(GOOD) == 0
        assert await parked(stage) == MANY + 1
        sight = await workers.look(stage.platform, worker.worker_id)
        assert sight.due == {}, "nobody waits for them"
        await register(stage)
        assert await parked(stage) == MANY + 1, "no address is none"

        await register(stage, HOOK)
        assert await parked(stage) == 0
        assert await worker.work(GOOD) == MANY + 1
        assert await stage.states() == {MessageState.DELIVERED: MANY + 1}

    play(scene)


def test_an_address_that_comes_while_messages_are_parked_is_seen(play: Play[None]) -> None:
    """Whoever is first: both at once, many times over, leave nothing parked."""

    async def scene(forge: Stage) -> None:
        stage = await connect_stage(forge)
        worker = stage.worker()
        transfer_id = await stage.begin()
        for _ in range(8):
            await register(stage)
            for _ in range(4):
                await stage.upload(transfer_id)
            claimed, _ = await asyncio.gather(worker.take(), register(stage, HOOK))
            await worker.record(GOOD, *claimed)
            assert await parked(stage) == 0
            await worker.work(GOOD)
            assert set(await stage.states()) == {MessageState.DELIVERED}

    play(scene)


def test_what_is_in_flight_when_its_address_goes_is_tried_again_and_parked(
    play: Play[None],
) -> None:
    async def scene(forge: Stage) -> None:
        stage = await connect_stage(forge)
        worker = stage.worker()
        await register(stage, HOOK)
        await stage.begin()
        delivery = await worker.take_only()
        await register(stage)
        await worker.record(BAD, delivery)
        await stage.pass_time(BACK_OFF)
        assert await worker.work(GOOD) == 0
        assert await parked(stage) == 1
        await register(stage, HOOK)
        again = await worker.take_only()
        assert again.message.number == 2

    play(scene)


def test_the_end_gives_up_what_is_parked(play: Play[None]) -> None:
    async def scene(forge: Stage) -> None:
        stage = await connect_stage(forge)
        worker = stage.worker()
        transfer_id = await stage.begin()
        await stage.upload(transfer_id)
        await worker.work(GOOD)
        await connect.report(
            stage.platform, stage.app, transfer_id, ProgressReport(status=ReportedStatus.SUCCESS)
        )
        await worker.work(GOOD)
        assert await stage.states() == {MessageState.UNDELIVERED: 3}
        await register(stage, HOOK)
        assert await due_lanes(stage.platform) == [], "nothing is sent after the end"

    play(scene)


def test_an_outcome_after_the_end_is_kept(play: Play[None]) -> None:
    """An attempt that ran while the transfer settled: delivered is delivered, failed is over."""

    async def scene(forge: Stage) -> None:
        stage = await connect_stage(forge)
        worker = stage.worker()
        await register(stage, HOOK)
        transfer_id = await stage.begin()
        await worker.work(GOOD)
        for _ in range(2):
            await stage.upload(transfer_id)
        good, bad = await worker.take()
        await connect.report(
            stage.platform, stage.app, transfer_id, ProgressReport(status=ReportedStatus.FAILED)
        )
        await worker.record(GOOD, good)
        await worker.record(
            failed("during", FailureCause.CONNECTION_BROKE, "gone", duration=0.1), bad
        )
        views = [
            await message.view(stage.platform, str(each.message.message_id)) for each in (good, bad)
        ]
        assert [view.state for view in views] == [
            MessageState.DELIVERED,
            MessageState.UNDELIVERED,
        ]

    play(scene)


def test_an_address_that_took_a_message_is_not_sent_it_again(play: Play[None]) -> None:
    async def scene(forge: Stage) -> None:
        stage = await connect_stage(forge)
        worker = stage.worker()
        await register(stage, HOOK, f"{HOOK}/bad")
        await stage.begin()
        first = await worker.take_only()
        await attempts.record(stage.platform, [result(first, GOOD, BAD)], worker.known)
        await stage.pass_time(BACK_OFF)
        second = await worker.take_only()
        assert second.routes == first.routes[1:]

    play(scene)


def test_an_address_that_is_removed_is_owed_nothing(play: Play[None]) -> None:
    """All that are left took the message: it is delivered, with no further request."""

    async def scene(forge: Stage) -> None:
        stage = await connect_stage(forge)
        worker = stage.worker()
        await register(stage, HOOK, f"{HOOK}/bad")
        await stage.begin()
        delivery = await worker.take_only()
        await attempts.record(stage.platform, [result(delivery, GOOD, BAD)], worker.known)
        await register(stage, HOOK)
        await stage.pass_time(BACK_OFF)
        again = await worker.take_only()
        assert again.routes == ()
        await worker.record(BAD, again)
        assert await stage.states() == {MessageState.DELIVERED: 1}

    play(scene)


def test_an_app_that_is_not_installed_is_owed_its_events(play: Play[None]) -> None:
    """Nothing can be signed without a shared secret, so its events wait for that too."""

    async def scene(forge: Stage) -> None:
        stage = await connect_stage(forge)
        worker = stage.worker()
        await register(stage, HOOK)
        await stage.begin()
        async with stage.platform.database.transaction() as tx:
            await tx.connection.execute("UPDATE app SET shared_secret = NULL")
        assert await worker.work(GOOD) == 0
        assert await parked(stage) == 1
        [row] = await stage.fetch("SELECT reason FROM message")
        assert row["reason"] == "the app is not installed"
        async with stage.platform.database.transaction() as tx:
            await tx.connection.execute("UPDATE app SET shared_secret = 'secret'")
            await deliveries.redefined(tx, stage.app.app_id)
        assert await worker.work(GOOD) == 1

    play(scene)
