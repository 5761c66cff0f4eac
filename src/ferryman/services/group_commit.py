"""Execute concurrent requests together, in one transaction (group commit, ADR 0031).

Commands on one transfer take turns at its lock. While one caller holds it, others queue here; the
next one executes all that are queued, which costs little more than a single request.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ferryman.errors import value_or_raise

T = TypeVar("T")
R = TypeVar("R")

_MOST = 512
"""The most requests in one batch: a call of 500 files, and those that arrived meanwhile."""

_TURNS = 32
"""Turns of the event loop, at most, in which a batch grows to the size of the one before it."""


@dataclass(frozen=True, slots=True)
class _Failed:
    """The answer of requests whose ``act`` raised."""

    error: Exception


@dataclass(slots=True, eq=False)
class _Caller:
    """Whoever waits for ``left`` answers; ``woken`` ends its sleep until there is one to see to."""

    answers: list[Any]
    left: int
    woken: asyncio.Future[None] | None = None

    def wake(self) -> None:
        if self.woken is not None and not self.woken.done():
            self.woken.set_result(None)


@dataclass(frozen=True, slots=True, eq=False)
class _Request:
    item: Any
    caller: _Caller
    place: int


@dataclass(slots=True)
class _Queue:
    waiting: list[_Request] = field(default_factory=list)
    led: bool = False
    callers: int = 0
    before: int = 0

    async def gather(self) -> None:
        """Let requests that are in this process already join, if fewer wait than before."""
        for _ in range(min(self.before, _TURNS)):
            if len(self.waiting) >= self.before:
                return
            await asyncio.sleep(0)

    def take(self) -> list[_Request]:
        taken, self.waiting = self.waiting[:_MOST], self.waiting[_MOST:]
        return taken

    def pass_on(self) -> None:
        """Let the first of those who wait lead."""
        self.led = False
        if self.waiting:
            self.waiting[0].caller.wake()


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
        return value_or_raise((await self.do_all(key, [item], act, turn))[0])

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
        me = _Caller([None] * len(items), len(items))
        queue.waiting += [_Request(item, me, place) for place, item in enumerate(items)]
        queue.callers += 1
        try:
            while me.left:
                if queue.led:
                    me.woken = asyncio.get_running_loop().create_future()
                    await me.woken
                else:
                    await _lead(queue, act, turn)
        finally:
            if me.left:  # cancelled
                queue.waiting = [each for each in queue.waiting if each.caller is not me]
                if not queue.led:
                    queue.pass_on()
            queue.callers -= 1
            if not queue.callers:
                del self._queues[key]
        failed = next((each for each in me.answers if isinstance(each, _Failed)), None)
        if failed is not None:
            me.answers.clear()
            try:
                raise failed.error
            finally:
                del failed  # as in value_or_raise()
        return me.answers


async def _lead(
    queue: _Queue,
    act: Callable[[list[Any]], Awaitable[Sequence[Any]]],
    turn: Callable[[], AbstractAsyncContextManager[object]],
) -> None:
    queue.led = True
    taken: list[_Request] = []
    try:
        await queue.gather()
        async with turn():
            taken = queue.take()
            answers = await act([request.item for request in taken])
    except Exception as error:  # noqa: BLE001 - raised to each of them
        taken = taken or queue.take()
        answers = [_Failed(error)] * len(taken)
    except BaseException:
        # This caller was cancelled; the others still wait for their answers.
        queue.waiting = taken + queue.waiting
        queue.led = False
        raise
    queue.before = len(taken)
    queue.pass_on()
    _give(taken, answers)
    del answers  # may be errors that hold this frame
    if queue.waiting:
        await asyncio.sleep(0)  # the next one asks the database before these answers are sent


def _give(taken: Sequence[_Request], answers: Sequence[Any]) -> None:
    for request, answer in zip(taken, answers, strict=True):
        caller = request.caller
        caller.answers[request.place] = answer
        caller.left -= 1
        if not caller.left:
            caller.wake()
