"""What was given up is listed, counted and delivered again, many at a time, under its ids."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from ferryman.clock import epoch_ms
from ferryman.domain.outcome import failed, succeeded
from ferryman.errors import Conflict, Invalid, NotFound
from ferryman.services import app as apps
from ferryman.services import message, redelivery, transfer
from ferryman.store import transfer as transfers
from ferryman.vocab import FailureCause, MessageState
from ferryman.wire.redelivery import RedeliveryRequest

from .conftest import Play
from .stage import BACK_OFF, Stage, Worker

GOOD = succeeded(duration=0.1)
BAD = failed("after", FailureCause.APP_FAILED, "no", duration=0.1)
ALL = RedeliveryRequest(since=0)


async def give_up(stage: Stage, worker: Worker) -> None:
    """All that is owed fails until it is given up."""
    while (await stage.states())["PENDING"]:
        await worker.work(BAD)
        await stage.pass_time(BACK_OFF)


async def undelivered(stage: Stage, request: RedeliveryRequest = ALL) -> list[str]:
    page = await redelivery.page(stage.platform, "UNDELIVERED", request, cursor=None, size=1000)
    assert page.total == len(page.items)
    return [each.message_id for each in page.items]


def test_all_of_a_transfer_an_app_or_a_time(
    play: Play[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In batches; each keeps its id and gets a round of attempts of its own."""
    monkeypatch.setattr(redelivery, "_BATCH", 3)

    async def scene(stage: Stage) -> None:
        worker = stage.worker()
        first = await stage.begin()
        for _ in range(7):
            await stage.upload(first)
        await give_up(stage, worker)
        between = await stage.platform.database.now()
        second = await stage.begin("another agent")
        await give_up(stage, worker)
        ids = await undelivered(stage)
        assert len(ids) == 9
        for request, expected in (
            (RedeliveryRequest(transfer_id=first), ids[:8]),
            (RedeliveryRequest(transfer_id=second), ids[8:]),
            (RedeliveryRequest(cloud_app_key=stage.app.cloud_app_key), ids),
            (RedeliveryRequest(to=epoch_ms(between)), ids[:8]),
            (RedeliveryRequest(since=epoch_ms(between)), ids[8:]),
        ):
            assert await undelivered(stage, request) == expected
            answer = await redelivery.redeliver(stage.platform, request)
            assert (answer.redelivered, answer.left) == (len(expected), 0)
            assert await stage.states() == {
                key: count
                for key, count in {
                    "PENDING": len(expected),
                    "UNDELIVERED": 9 - len(expected),
                }.items()
                if count
            }
            await give_up(stage, worker)
            assert await undelivered(stage) == ids, "the same, in the same order"
        answer = await redelivery.redeliver(stage.platform, ALL)
        assert answer.redelivered == 9
        assert await worker.work(GOOD) == 9
        assert await undelivered(stage) == []
        view = await message.view(stage.platform, ids[0])
        assert (view.state, view.message_id) == (MessageState.DELIVERED, ids[0])
        assert len(view.attempts) == 5 * 4 + 1, "every attempt stays recorded"

    play(scene)


def test_what_matters_no_more_is_left(play: Play[None]) -> None:
    """An acknowledged message, and app data of a settled transfer."""

    async def scene(stage: Stage) -> None:
        worker = stage.worker()
        transfer_id = await stage.begin()
        known = await stage.upload(transfer_id)
        await give_up(stage, worker)
        await stage.acknowledge(transfer_id, known.message_id)
        answer = await redelivery.redeliver(stage.platform, ALL)
        assert (answer.redelivered, answer.left) == (1, 1)
        assert await undelivered(stage) == [known.message_id]

        await worker.work(GOOD)
        late = await stage.upload(transfer_id)
        await stage.pass_time(timedelta(days=15))
        [job] = await stage.wake_jobs(transfer_id)
        await transfer.wake(stage.platform, UUID(transfer_id), job)
        assert (await stage.state(transfer_id)).status.final
        assert late.message_id in await undelivered(stage)
        answer = await redelivery.redeliver(stage.platform, ALL)
        assert answer.left == 2

    play(scene)


def test_pages_belong_to_their_query(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        worker, found, cursor = stage.worker(), [], None
        transfer_id = await stage.begin()
        for _ in range(4):
            await stage.upload(transfer_id)
        await give_up(stage, worker)
        for number in range(3):
            page = await redelivery.page(stage.platform, "UNDELIVERED", ALL, cursor=cursor, size=2)
            assert page.total == (5 if number == 0 else None)
            found += [each.message_id for each in page.items]
            cursor = page.next_cursor
            if number == 0:
                other = RedeliveryRequest(transfer_id=transfer_id)
                with pytest.raises(Invalid, match="cursor_invalid"):
                    await redelivery.page(
                        stage.platform, "UNDELIVERED", other, cursor=cursor, size=2
                    )
        assert cursor is None
        assert found == await undelivered(stage)

    play(scene)


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
def test_what_is_refused(play: Play[None], request_: RedeliveryRequest, code: str) -> None:
    async def scene(stage: Stage) -> None:
        with pytest.raises((Invalid, NotFound), match=code):
            await redelivery.redeliver(stage.platform, request_)

    play(scene)


def test_a_transfer_that_settles_meanwhile_is_waited_for(play: Play[None]) -> None:
    """Or the message would be owed again by a transfer that has given it up."""

    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        receipt = await stage.upload(transfer_id)
        await give_up(stage, stage.worker())
        async with stage.platform.database.transaction() as tx:
            stored = await transfers.lock(tx, UUID(transfer_id))
            assert stored is not None
            again = asyncio.create_task(message.redeliver(stage.platform, receipt.message_id))
            waits = (
                "SELECT FROM pg_stat_activity WHERE datname = current_database()"
                " AND wait_event_type = 'Lock'"
            )
            async with asyncio.timeout(60):
                # The database tells nobody that somebody waits.
                while not again.done() and not await stage.fetch(waits):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            await tx.connection.execute(
                "UPDATE transfer SET status = 'TIMED_OUT', settled_at = $2,"
                " wake_job_id = NULL WHERE transfer_id = $1",
                UUID(transfer_id),
                tx.now,
            )
        with pytest.raises(Conflict, match="message_not_redeliverable"):
            await again

    play(scene)


def test_breakers_are_seen_and_closed_by_hand(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        assert (await apps.view(stage.platform, stage.app.cloud_app_key)).failing == []
        now = await stage.platform.database.now()
        for url, trips, until in (
            ("https://a/", 1, now + timedelta(minutes=1)),
            ("https://b/", 0, None),
        ):
            await stage.fetch(
                "INSERT INTO breaker (app_id, endpoint, event_types, weight, trips, open_until,"
                " error, changed_at) VALUES ($1, $2, '{}', 20, $3, $4, 'it hangs', $5)",
                *(stage.app.app_id, url, trips, until, now),
            )
        view = await apps.view(stage.platform, stage.app.cloud_app_key)
        assert [(each.endpoint, each.breaker) for each in view.failing] == [
            ("https://a/", "OPEN"),
            ("https://b/", "COUNTING"),
        ]
        assert view.failing[0].last_error == "it hangs"
        assert (await apps.page(stage.platform, None, None)).items[0].failing == view.failing
        await stage.pass_time(timedelta(minutes=2))
        view = await apps.view(stage.platform, stage.app.cloud_app_key)
        assert view.failing[0].breaker == "HALF_OPEN"
        assert (await apps.retry(stage.platform, stage.app.cloud_app_key)).failing == []
        assert await stage.fetch("SELECT FROM breaker") == []

    play(scene)
