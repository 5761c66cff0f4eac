"""Wait for several slow results at a time, and get them in order."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def read_ahead(
    items: Iterable[T], read: Callable[[T], Awaitable[R]], *, at_once: int
) -> AsyncGenerator[R, None]:
    """Yield what ``read`` returns for each item, in order, with up to ``at_once`` running.

    An error is raised in its turn. Closing the generator cancels what is running, and waits for it
    to end.
    """

    async def result(item: T) -> R:
        return await read(item)

    under_way: deque[asyncio.Task[R]] = deque()
    try:
        for item in items:
            under_way.append(asyncio.create_task(result(item)))
            if len(under_way) == at_once:
                yield await under_way.popleft()
        while under_way:
            yield await under_way.popleft()
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
