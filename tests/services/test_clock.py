"""Moving the clock: callers take their turn."""

import asyncio
from datetime import timedelta
from pathlib import Path

from ferryman.server.build import build
from ferryman.services import clock
from ferryman.store import queue

from .conftest import Play
from .stage import Stage, staged


def test_more_callers_than_connections_all_move_the_clock(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        callers = 2 * stage.platform.settings.database_pool
        async with asyncio.timeout(60):
            await asyncio.gather(*(clock.advance(stage.platform, 60) for _ in range(callers)))
        view = await clock.view(stage.platform)
        assert view.offset_seconds == callers * 60

    play(scene)


async def seconds_to_timer(stage: Stage) -> float:
    async with stage.platform.database.transaction() as tx:
        seconds = await queue.seconds_to_next(tx)
    assert seconds is not None
    return seconds


def test_a_frozen_clock_stands_still_and_goes_on_from_there(play: Play[None]) -> None:
    """A timer has exactly as long to go, however much real time passes; then it goes on."""

    async def scene(stage: Stage) -> None:
        frozen = await clock.freeze(stage.platform)
        transfer_id = await stage.begin()
        assert frozen.frozen
        assert (await clock.freeze(stage.platform)).now == frozen.now
        assert (await clock.view(stage.platform)).now == frozen.now
        assert await seconds_to_timer(stage) == 900
        await stage.pass_time(timedelta(minutes=5))
        assert (await clock.view(stage.platform)).now == frozen.now + 300_000
        assert await seconds_to_timer(stage) == 600
        assert await stage.wake_jobs(transfer_id, due=True) == []
        resumed = await clock.resume(stage.platform)
        assert not resumed.frozen
        assert 0 < await seconds_to_timer(stage) <= 600
        assert (await clock.view(stage.platform)).now > frozen.now + 300_000
        await clock.freeze(stage.platform)
        left = await seconds_to_timer(stage)
        assert left == await seconds_to_timer(stage)
        await stage.pass_time(timedelta(seconds=left))
        assert len(await stage.wake_jobs(transfer_id, due=True)) == 1

    play(scene)


def test_a_platform_on_real_time_lets_go_of_a_frozen_clock(database: str, tmp_path: Path) -> None:
    """Its timers would never fire."""

    async def scene() -> None:
        async with staged(database, tmp_path) as stage:
            await clock.freeze(stage.platform)
            await stage.begin()
        settings = stage.platform.settings.model_copy(update={"clock": "real"})
        async with build(settings, database) as built:
            assert not (await clock.view(built.platform)).frozen
            async with built.platform.database.transaction() as tx:
                seconds = await queue.seconds_to_next(tx)
            assert seconds is not None
            assert 0 < seconds <= 900

    asyncio.run(scene())
