"""Slow results several at a time: their order, their bound, and what an early end leaves."""

import asyncio
from contextlib import aclosing

import pytest

from ferryman.services.read_ahead import read_ahead


class Reader:
    """Answers the last that was asked first."""

    def __init__(self, at_once: int) -> None:
        self.under_way: list[int] = []
        self.most = 0
        self._full = asyncio.Event()
        self._at_once = at_once

    async def __call__(self, item: int) -> int:
        self.under_way.append(item)
        self.most = max(self.most, len(self.under_way))
        if len(self.under_way) == self._at_once:
            self._full.set()
        try:
            await self._full.wait()
            for _ in range(2 * (self._at_once - item % self._at_once)):
                await asyncio.sleep(0)
            if item == 9:
                raise LookupError
        finally:
            self.under_way.remove(item)
        return item * item


@pytest.mark.parametrize("count", [0, 3, 4, 9])
async def test_results_come_in_order_from_several_at_a_time(count: int) -> None:
    reader = Reader(min(count, 4))
    found = [each async for each in read_ahead(range(count), reader, at_once=4)]
    assert found == [n * n for n in range(count)]
    assert reader.most == min(count, 4)


async def test_an_error_is_raised_in_its_turn() -> None:
    reader = Reader(4)
    async with aclosing(read_ahead(range(20), reader, at_once=4)) as results:
        assert [await anext(results) for _ in range(9)] == [n * n for n in range(9)]
        with pytest.raises(LookupError):
            await anext(results)
    assert reader.under_way == []


async def test_nothing_is_under_way_after_an_early_end() -> None:
    ended = []

    async def read(item: int) -> int:
        try:
            if item > 0:
                await asyncio.Event().wait()
        finally:
            ended.append(item)
        return item

    async with aclosing(read_ahead(range(8), read, at_once=4)) as results:
        assert await anext(results) == 0
        assert ended == [0]
    assert ended == [0, 1, 2, 3]
