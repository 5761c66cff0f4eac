"""Do independent work at the same time, but not all of it at once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import ParamSpec, Protocol, TypeVar


class Closable(Protocol):
    """What has to be closed."""

    def close(self) -> None:
        """End its use."""


P = ParamSpec("P")
C = TypeVar("C", bound=Closable)
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


async def in_thread(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Return what blocking ``work`` returns; a caller that is cancelled goes on when it has ended.

    ``asyncio.to_thread`` lets the thread run on, into what its caller does next.
    """
    thread = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError:
        with suppress(Exception):
            await thread
        raise


async def opened_in_thread(work: Callable[P, C], *args: P.args, **kwargs: P.kwargs) -> C:
    """Return what blocking ``work`` opens; of a caller that is cancelled, it is closed."""
    thread = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError:
        with suppress(Exception):
            (await thread).close()
        raise
