"""Sums of what apps hold: used for a while, and added up again where that matters."""

import pytest

from ferryman.services.known_sums import KnownSums


class Store:
    """Holds bytes that take a while to add up, on a clock of its own."""

    def __init__(self, *, takes: float) -> None:
        self.held, self.now, self.times = 0, 0.0, 0
        self._takes = takes
        self.sums = KnownSums[str](clock=lambda: self.now)

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
    """However often they do not fit: half a second more, and the one that runs, at most."""
    store = Store(takes=takes)
    store.held = 101
    began = store.now
    for _ in range(20_000):
        assert await store.get() == 101
        store.now += 0.01
    assert store.times > 1
    assert store.times * takes <= (store.now - began) / 20 + 0.5 + takes
