"""Moving the clock: callers take their turn."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from ferryman.domain.outcome import succeeded
from ferryman.errors import OutsideError
from ferryman.server.build import build
from ferryman.services import clock
from ferryman.store import delivery as delivery_store
from ferryman.store import timer as timer_store
from ferryman.store.database import Transaction
from tests.kit.services import Services, open_services


async def test_more_callers_than_connections_all_move_the_clock(services: Services) -> None:
    callers = 2 * services.platform.settings.database_pool
    async with asyncio.timeout(60):
        await asyncio.gather(*(clock.advance(services.platform, 60) for _ in range(callers)))
    view = await clock.view(services.platform)
    assert view.offset_seconds == callers * 60


async def seconds_to_timer(services: Services) -> float:
    async with services.platform.database.transaction() as tx:
        seconds = await timer_store.seconds_to_next(tx)
    assert seconds is not None
    return seconds


async def test_a_frozen_clock_stands_still_and_goes_on_from_there(services: Services) -> None:
    """A timer has exactly as long to go, however much real time passes; then it goes on."""
    frozen = await clock.freeze(services.platform)
    transfer_id = await services.start_transfer()
    assert frozen.frozen
    assert (await clock.freeze(services.platform)).now == frozen.now
    assert (await clock.view(services.platform)).now == frozen.now
    assert await seconds_to_timer(services) == 900
    await services.advance(timedelta(minutes=5))
    assert (await clock.view(services.platform)).now == frozen.now + 300_000
    assert await seconds_to_timer(services) == 600
    assert not await services.fire_timer(transfer_id)
    resumed = await clock.resume(services.platform)
    assert not resumed.frozen
    assert 0 < await seconds_to_timer(services) <= 600
    assert (await clock.view(services.platform)).now > frozen.now + 300_000
    await clock.freeze(services.platform)
    left = await seconds_to_timer(services)
    assert left == await seconds_to_timer(services)
    await services.advance(timedelta(seconds=left))
    assert await services.fire_timer(transfer_id)


async def test_a_platform_on_real_time_lets_go_of_a_frozen_clock(
    database: str, tmp_path: Path
) -> None:
    """Its timers would never fire."""
    async with open_services(database, tmp_path) as services:
        await clock.freeze(services.platform)
        await services.start_transfer()
    settings = services.platform.settings.model_copy(update={"clock": "real"})
    async with build(settings, database) as built:
        assert not (await clock.view(built.platform)).frozen
        async with built.platform.database.transaction() as tx:
            seconds = await timer_store.seconds_to_next(tx)
        assert seconds is not None
        assert 0 < seconds <= 900


async def test_a_refusal_says_which_work_is_not_done(services: Services) -> None:
    """How much of each kind, and the id of one."""

    async def found() -> str:
        with pytest.raises(OutsideError) as caught:
            await clock.advance(services.platform, 0, patience=0)
        assert caught.value.code == "work_not_done"
        return caught.value.found

    async def message_id() -> str:
        [row] = await services.fetch("SELECT message_id FROM message")
        return str(row["message_id"])

    transfer_id = await services.start_transfer()
    message = await message_id()
    assert await found() == f"messages due: 1, such as {message}"
    await services.worker().claim_one()
    assert await found() == f"messages being sent: 1, such as {message}"
    await services.advance(timedelta(minutes=15))
    assert f"timers of transfers due: 1, such as {transfer_id}" in await found()


async def test_work_that_ends_in_other_work_is_waited_for(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message may make another one due, and end, while it is looked for both."""
    transfer_id = await services.start_transfer()
    worker = services.worker()
    sent = [await worker.claim_one()]
    seconds_to_next = delivery_store.seconds_to_next

    async def slowly(tx: Transaction) -> float | None:
        found = await seconds_to_next(tx)
        while sent:
            await services.upload(transfer_id)
            await worker.record(succeeded(duration=0.1), sent.pop())
        return found

    monkeypatch.setattr(delivery_store, "seconds_to_next", slowly)
    with pytest.raises(OutsideError, match="work_not_done"):
        await clock.advance(services.platform, 0, patience=0)
    assert sent == []
