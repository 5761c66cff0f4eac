"""Callers that wait for a connection take turns."""

import asyncio
from contextvars import copy_context

import pytest

from ferryman.store.turns import CALLER, Turns


class Queue:
    """One turn, which is taken at first, and tasks that wait for it."""

    def __init__(self) -> None:
        self.turns = Turns(1)
        self.order: list[str] = []

    async def wait(self, *callers: str) -> list[asyncio.Task[None]]:
        """Let each wait, in this order; those who get the turn give it on."""
        tasks = []
        for caller in callers:
            context = copy_context()
            context.run(CALLER.set, caller)
            tasks.append(asyncio.create_task(self._one(caller), context=context))
            await asyncio.sleep(0)
        return tasks

    async def _one(self, caller: str) -> None:
        await self.turns.take(60)
        self.order.append(caller)
        self.turns.give()


async def test_each_caller_gets_one_before_any_gets_a_second() -> None:
    queue = Queue()
    await queue.turns.take(60)
    tasks = await queue.wait(*["many"] * 100, "one", *["two"] * 2)
    queue.turns.give()
    await asyncio.gather(*tasks)
    assert queue.order[:6] == ["many", "one", "two", "many", "two", "many"]
    assert len(queue.order) == 103


async def test_who_leaves_takes_no_turn_with_them() -> None:
    queue = Queue()
    await queue.turns.take(60)
    tasks = await queue.wait("many", "many", "one")
    tasks[0].cancel()
    await asyncio.sleep(0)
    queue.turns.give()
    tasks[1].cancel()  # its turn has come, and it has not noticed yet
    await asyncio.gather(*tasks, return_exceptions=True)
    assert queue.order == ["one"]
    await queue.turns.take(60)


async def test_who_waits_too_long_is_told() -> None:
    queue = Queue()
    await queue.turns.take(60)
    with pytest.raises(TimeoutError):
        await queue.turns.take(0.01)
    queue.turns.give()
    await queue.turns.take(60)
