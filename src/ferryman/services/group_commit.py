"""Execute concurrent requests together, in one transaction (group commit, ADR 0031).

Commands on one transfer take turns at its lock. While one caller holds it, others queue here; the
next one executes all that are queued, which costs little more than a single request.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_MOST = 512
"""The most requests in one batch: a call of 500 files, and those that arrived meanwhile."""


@dataclass(frozen=True, slots=True)
class _Failed:
    """The answer of requests whose ``act`` raised."""

    error: Exception


@dataclass(slots=True, eq=False)
class _Request:
    item: Any
    answer: asyncio.Future[Any]


@dataclass(slots=True)
class _Queue:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: list[_Request] = field(default_factory=list)
    callers: int = 0


class GroupCommit:
    """The queued requests of one process, by key; a key is forgotten with its last caller."""

    def __init__(self) -> None:
        self._queues: dict[Hashable, _Queue] = {}

    async def do(
        self,
        key: Hashable,
        item: T,
        act: Callable[[list[T]], Awaitable[Sequence[R | Exception]]],
        turn: Callable[[], AbstractAsyncContextManager[object]] = nullcontext,
    ) -> R:
        """Return or raise the answer that ``act`` gives for ``item``; see :meth:`do_all`."""
        [answer] = await self.do_all(key, [item], act, turn)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def do_all(
        self,
        key: Hashable,
        items: Sequence[T],
        act: Callable[[list[T]], Awaitable[Sequence[R]]],
        turn: Callable[[], AbstractAsyncContextManager[object]] = nullcontext,
    ) -> list[R]:
        """Return the answers that ``act`` gives for ``items``, in order.

        ``act`` gets a list of items and returns one answer each; an exception it raises is raised
        to all callers in the batch. Per ``key``, one ``act`` runs at a time, with items in order of
        arrival. It runs inside ``turn``, with all that came until ``turn`` was entered, whose
        exceptions are raised to all of them too.
        """
        queue = self._queues.setdefault(key, _Queue())
        loop = asyncio.get_running_loop()
        mine = [_Request(item, loop.create_future()) for item in items]
        queue.waiting += mine
        queue.callers += 1
        try:
            async with queue.lock:
                while not all(request.answer.done() for request in mine):
                    await _act(queue, act, turn)
        finally:
            if waiting := {*mine} & {*queue.waiting}:  # cancelled before its turn came
                queue.waiting = [each for each in queue.waiting if each not in waiting]
            queue.callers -= 1
            if not queue.callers:
                del self._queues[key]
        answers = [request.answer.result() for request in mine]
        for answer in answers:
            if isinstance(answer, _Failed):
                raise answer.error
        return answers


async def _act(
    queue: _Queue,
    act: Callable[[list[Any]], Awaitable[Sequence[Any]]],
    turn: Callable[[], AbstractAsyncContextManager[object]],
) -> None:
    taken: list[_Request] = []
    try:
        async with turn():
            taken = _take(queue)
            answers = await act([request.item for request in taken])
    except Exception as error:  # noqa: BLE001 - raised to each of them
        taken = taken or _take(queue)
        answers = [_Failed(error)] * len(taken)
    except BaseException:
        # This caller was cancelled; the others still wait for their answers.
        queue.waiting = taken + queue.waiting
        raise
    for request, answer in zip(taken, answers, strict=True):
        request.answer.set_result(answer)


def _take(queue: _Queue) -> list[_Request]:
    taken, queue.waiting = queue.waiting[:_MOST], queue.waiting[_MOST:]
    return taken
