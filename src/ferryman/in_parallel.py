"""Do independent work at the same time, but not all of it at once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_MOST = 32


async def in_parallel(
    work: Callable[[T], Awaitable[R]], items: Iterable[T], *, most: int = _MOST
) -> list[R]:
    """Return what ``work`` returns for each item, in order; the first exception cancels the rest.

    At most ``most`` items are worked on at the same time.
    """
    turns = asyncio.Semaphore(most)

    async def one(item: T) -> R:
        async with turns:
            return await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(item)) for item in items]
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]
