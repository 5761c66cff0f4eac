"""Moving the clock: callers take their turn."""

import asyncio

from ferryman.services import clock

from .conftest import Play
from .stage import Stage


def test_more_callers_than_connections_all_move_the_clock(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        callers = 2 * stage.platform.settings.database_pool
        async with asyncio.timeout(20):
            await asyncio.gather(*(clock.advance(stage.platform, 60) for _ in range(callers)))
        view = await clock.view(stage.platform)
        assert view.offset_seconds == callers * 60

    play(scene)
