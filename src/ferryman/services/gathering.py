"""What several callers ask for at the same time is done in one go (ADR 0031).

Commands on one transfer take turns at its lock. Those that wait for their turn here are taken
together by whoever has it, in one transaction: it costs little more than one of them alone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_MOST = 64


@dataclass(slots=True, eq=False)
class _Wish:
    item: Any
    answer: asyncio.Future[Any]


@dataclass(slots=True)
class _Turn:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: list[_Wish] = field(default_factory=list)
    callers: int = 0


class Gathering:
    """Callers of one process, by what they wait for. Nothing is kept of those that left."""

    def __init__(self) -> None:
        self._turns: dict[Hashable, _Turn] = {}

    async def do(
        self, key: Hashable, item: T, act: Callable[[list[T]], Awaitable[Sequence[R | Exception]]]
    ) -> R:
        """Return, or raise, what ``act`` answers for ``item``; it answers for each of its list.

        What ``act`` raises is raised to all whose item it had. Items of one ``key`` are given
        to one ``act`` at a time, in the order in which they came.
        """
        turn = self._turns.setdefault(key, _Turn())
        mine = _Wish(item, asyncio.get_running_loop().create_future())
        turn.waiting.append(mine)
        turn.callers += 1
        try:
            async with turn.lock:
                if not mine.answer.done():
                    await _act(turn, act)
        finally:
            if mine in turn.waiting:  # cancelled before its turn came
                turn.waiting.remove(mine)
            turn.callers -= 1
            if not turn.callers:
                del self._turns[key]
        answer: R | Exception = mine.answer.result()
        if isinstance(answer, Exception):
            raise answer
        return answer


async def _act(turn: _Turn, act: Callable[[list[Any]], Awaitable[Sequence[Any]]]) -> None:
    taken, turn.waiting = turn.waiting[:_MOST], turn.waiting[_MOST:]
    try:
        answers = await act([wish.item for wish in taken])
    except Exception as error:  # noqa: BLE001 - raised to each of them
        answers = [error] * len(taken)
    except BaseException:
        # This caller was cancelled; the others still want theirs.
        turn.waiting = taken + turn.waiting
        raise
    for wish, answer in zip(taken, answers, strict=True):
        wish.answer.set_result(answer)
