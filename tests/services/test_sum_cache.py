"""Sums of what apps hold: used for a while, and added up again where that matters."""

import asyncio

import pytest

from ferryman.services.sum_cache import SumCache


class Store:
    """Holds bytes that take a while to add up, on a clock of its own."""

    def __init__(self, *, takes: float) -> None:
        self.held, self.now, self.times = 0, 0.0, 0
        self._takes = takes
        self.sums = SumCache[str](clock=lambda: self.now)

    async def add_up(self) -> int:
        self.now += self._takes
        self.times += 1
        return self.held

    async def get(self, *, most: float = 100) -> int:
        return await self.sums.get("app", self.add_up, most=most)


async def test_a_sum_is_used_for_a_second() -> None:
    store = Store(takes=0.001)
    store.held = 7
    assert await store.get() == 7
    store.held = 8
    store.sums.add("app", 2)
    assert await store.get() == 9
    store.now += 1
    assert await store.get() == 8


async def test_a_sum_that_does_not_fit_is_added_up_again() -> None:
    store = Store(takes=0.001)
    await store.get()
    store.sums.add("app", 101)
    assert await store.get() == 0
    assert store.times == 2


@pytest.mark.parametrize("takes", [0.001, 0.3, 5.0])
async def test_sums_take_a_twentieth_of_the_time(takes: float) -> None:
    """However often they do not fit: three seconds more, and the one that runs, at most."""
    store = Store(takes=takes)
    store.held = 101
    began = store.now
    for _ in range(20_000):
        assert await store.get() == 101
        store.now += 0.01
    assert store.times > 1
    assert store.times * takes <= (store.now - began) / 20 + 3 + takes


class Slow(Store):
    """Adds up when it may."""

    def __init__(self) -> None:
        super().__init__(takes=0.001)
        self.began, self.go = asyncio.Event(), asyncio.Event()

    async def add_up(self) -> int:
        held = await super().add_up()
        self.began.set()
        await self.go.wait()
        return held


async def test_calls_at_once_share_a_sum() -> None:
    store = Slow()
    calls = [asyncio.create_task(store.get()) for _ in range(50)]
    await store.began.wait()
    store.go.set()
    assert await asyncio.gather(*calls) == [0] * 50
    assert store.times == 1


async def test_what_comes_while_it_is_added_up_counts() -> None:
    """Its answer lacks it."""
    store = Slow()
    call = asyncio.create_task(store.get())
    await store.began.wait()
    store.sums.add("app", 7)
    store.go.set()
    assert await call == 7
    assert await store.get() == 7


async def test_what_fits_by_an_old_sum_does_not_wait_for_a_new_one() -> None:
    store = Slow()
    store.go.set()
    await store.get()
    store.now += 1
    store.began.clear()
    store.go.clear()
    call = asyncio.create_task(store.get())
    await store.began.wait()
    store.held = 101
    assert await store.get() == 0
    store.go.set()
    assert await call == 0


async def test_a_call_that_is_given_up_leaves_the_turn_to_the_next() -> None:
    store = Slow()
    first, second = asyncio.create_task(store.get()), asyncio.create_task(store.get())
    await store.began.wait()
    first.cancel()
    store.go.set()
    assert await second == 0
    assert store.times == 2
