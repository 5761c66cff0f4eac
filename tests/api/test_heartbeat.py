"""A stream that has nothing to say shows that it lives, and loses nothing by it."""

import asyncio
from collections.abc import AsyncIterator

from ferryman.api.timeline import HEARTBEAT_SECONDS, with_heartbeat


def test_a_heartbeat_comes_in_each_silence_and_items_stay_in_order() -> None:
    async def run() -> list[int | None]:
        go_on = asyncio.Event()

        async def items() -> AsyncIterator[int]:
            yield 1
            await go_on.wait()
            yield 2

        found: list[int | None] = []
        async for item in with_heartbeat(items(), 0.01):
            found.append(item)
            if found.count(None) == 3:
                go_on.set()
        return found

    found = asyncio.run(run())
    assert [item for item in found if item] == [1, 2]
    assert (found[0], found[-1]) == (1, 2)
    assert found.count(None) >= 3


def test_a_reader_that_leaves_ends_the_stream() -> None:
    async def run() -> bool:
        ended = asyncio.Event()

        async def items() -> AsyncIterator[int]:
            try:
                await asyncio.Event().wait()
                yield 1
            finally:
                ended.set()

        stream = with_heartbeat(items(), 0.01)
        assert await anext(stream) is None
        await stream.aclose()  # type: ignore[attr-defined]
        await asyncio.wait_for(ended.wait(), 90)
        return ended.is_set()

    assert asyncio.run(run())


def test_it_comes_before_a_proxy_loses_patience() -> None:
    assert HEARTBEAT_SECONDS <= 30
