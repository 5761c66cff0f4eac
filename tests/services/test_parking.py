"""Events of a Connect app without an address wait, take no place, and are never left behind."""

import asyncio
from uuid import UUID

from ferryman.domain.limits import RELEASE_WINDOW
from ferryman.domain.outcome import failed, succeeded
from ferryman.services import app as app_service
from ferryman.services import attempt, connect, message, release
from ferryman.vocab import AppKind, Audience, Lane, MessageState, ReportedStatus
from ferryman.wire.app import AppRegistration
from ferryman.wire.connect import ProgressReport

from .conftest import Play
from .stage import Stage
from .test_release import BACK_OFF, GOOD, check_window, lanes, states, work

HOOK = "http://127.0.0.1:9/in"


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


def test_more_than_a_window_is_parked_and_all_of_it_comes_back(play: Play[None]) -> None:
    async def scene(forge: Stage) -> None:
        stage = await connect_stage(forge)
        transfer_id = await stage.begin()
        for _ in range(2 * RELEASE_WINDOW):
            await stage.upload(transfer_id)
        assert await work(stage, GOOD) == 0
        count = 2 * RELEASE_WINDOW + 1
        assert await lanes(stage) == {Lane.PARKED: count}
        assert await stage.deliver_jobs() == [], "a parked message owns no job"
        await release.rescue(stage.platform)
        assert await lanes(stage) == {Lane.PARKED: count}
        await register(stage)
        assert await lanes(stage) == {Lane.PARKED: count}, "no address is none"

        await register(stage, HOOK)
        await check_window(stage)
        assert (await lanes(stage))[Lane.WAITING] == count - RELEASE_WINDOW
        assert await work(stage, GOOD) == count
        assert await states(stage) == {MessageState.DELIVERED: count}

    play(scene)


def test_an_address_that_comes_while_a_message_is_parked_is_seen(play: Play[None]) -> None:
    """Whoever is first: both at once, many times over, leave nothing parked."""

    async def scene(forge: Stage) -> None:
        stage = await connect_stage(forge)
        transfer_id = await stage.begin()
        for _ in range(8):
            await register(stage)
            for _ in range(4):
                await stage.upload(transfer_id)
            jobs = await stage.deliver_jobs(due=True)
            takes = [attempt.begin(stage.platform, job.message_id, job.number) for _, job in jobs]
            *begun, _ = await asyncio.gather(*takes, register(stage, HOOK))
            for (job_id, _), delivery in zip(jobs, begun, strict=True):
                if delivery is not None:
                    await attempt.end(stage.platform, delivery, GOOD, BACK_OFF)
                await stage.finish_job(job_id)
            assert (await lanes(stage))[Lane.PARKED] == 0
            await work(stage, GOOD)
            assert set(await states(stage)) == {MessageState.DELIVERED}

    play(scene)


def test_the_end_gives_up_what_is_parked(play: Play[None]) -> None:
    async def scene(forge: Stage) -> None:
        stage = await connect_stage(forge)
        transfer_id = await stage.begin()
        await stage.upload(transfer_id)
        await work(stage, GOOD)
        await connect.report(
            stage.platform, stage.app, transfer_id, ProgressReport(status=ReportedStatus.SUCCESS)
        )
        await work(stage, GOOD)
        assert await states(stage) == {MessageState.UNDELIVERED: 3}
        await register(stage, HOOK)
        assert await stage.deliver_jobs() == [], "nothing is sent after the end"

    play(scene)


def test_an_outcome_after_the_end_is_kept(play: Play[None]) -> None:
    """An attempt that ran while the transfer settled: delivered is delivered, failed is over."""

    async def scene(forge: Stage) -> None:
        stage = await connect_stage(forge)
        await register(stage, HOOK)
        transfer_id = await stage.begin()
        await work(stage, GOOD)
        files = [(await stage.upload(transfer_id)).message_id for _ in range(2)]
        begun = [await attempt.begin(stage.platform, UUID(message_id), 1) for message_id in files]
        await connect.report(
            stage.platform, stage.app, transfer_id, ProgressReport(status=ReportedStatus.FAILED)
        )
        outcomes = [succeeded(duration=0.1), failed("during", "gone", duration=0.1)]
        for delivery, outcome in zip(begun, outcomes, strict=True):
            assert delivery is not None
            await attempt.end(stage.platform, delivery, outcome, BACK_OFF)
        views = [await message.view(stage.platform, message_id) for message_id in files]
        assert [view.state for view in views] == [
            MessageState.DELIVERED,
            MessageState.UNDELIVERED,
        ]

    play(scene)


def test_an_address_that_is_removed_is_owed_nothing(play: Play[None]) -> None:
    """All that are left took the message: it is delivered, with no further request."""

    async def scene(forge: Stage) -> None:
        stage = await connect_stage(forge)
        await register(stage, HOOK, f"{HOOK}/bad")
        await stage.begin()
        [(job_id, job)] = await stage.deliver_jobs(due=True)
        delivery = await attempt.begin(stage.platform, job.message_id, 1)
        assert delivery is not None
        good, _bad = delivery.routes
        bad = failed("after", "no", duration=0.1)
        await attempt.end(stage.platform, delivery, bad, BACK_OFF, [good])
        await stage.finish_job(job_id)
        await register(stage, HOOK)
        await stage.pass_time(BACK_OFF)
        assert await work(stage, bad) == 0
        assert await states(stage) == {MessageState.DELIVERED: 1}

    play(scene)


def test_an_app_that_is_not_installed_is_owed_its_events(play: Play[None]) -> None:
    """Nothing can be signed without a shared secret, so its events wait for that too."""

    async def scene(forge: Stage) -> None:
        stage = await connect_stage(forge)
        await register(stage, HOOK)
        await stage.begin()
        async with stage.platform.database.transaction() as tx:
            await tx.connection.execute("UPDATE app SET shared_secret = NULL")
        assert await work(stage, GOOD) == 0
        [row] = await stage.fetch("SELECT lane, reason FROM message")
        assert (row["lane"], row["reason"]) == (Lane.PARKED, "the app is not installed")
        async with stage.platform.database.transaction() as tx:
            await tx.connection.execute("UPDATE app SET shared_secret = 'secret'")
            await release.unpark(tx, stage.app.app_id)
        assert await work(stage, GOOD) == 1

    play(scene)
