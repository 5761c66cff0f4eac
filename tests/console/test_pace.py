"""Pages that are only asked for again take a share of the time."""

import asyncio

import pytest

from ferryman.console.pace import Pace


async def test_one_page_at_a_time() -> None:
    """Who waits and leaves takes no turn from the others."""
    pace, made = Pace(), []
    entered = asyncio.Event()
    leave = asyncio.Event()

    async def first() -> None:
        async with pace:
            entered.set()
            await leave.wait()
            made.append("first")

    async def another(name: str) -> None:
        async with pace:
            made.append(name)

    begun = asyncio.create_task(first())
    await entered.wait()
    gone = asyncio.create_task(another("gone"))
    stays = asyncio.create_task(another("stays"))
    await asyncio.sleep(0)
    gone.cancel()
    leave.set()
    await asyncio.gather(begun, stays)
    assert made == ["first", "stays"]


async def test_a_page_that_fails_gives_its_turn_back() -> None:
    pace = Pace()
    for _ in range(2):
        with pytest.raises(KeyError):
            async with pace:
                raise KeyError
