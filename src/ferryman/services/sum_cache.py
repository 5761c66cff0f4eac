"""A cache of slow sums, which spends a bounded share of the time on adding them up."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

K = TypeVar("K", bound=Hashable)

_SECONDS = 1.0
"""The shortest time for which a sum is used."""

_TIMES = 20
"""A sum is used for this many times as long as it took: adding up takes 5 % of the time."""

_AHEAD = 60.0
"""How far a key may exceed its share, in seconds of use; beyond that it is not added up early.

That allows three seconds of early sums, since a busy machine takes a while even for a short one.
"""

_FEW = 1_000


@dataclass(slots=True)
class _Sum:
    value: int
    began: float
    fresh_until: float
    used_up: float
    """The time at which all sums of this key so far have been used for as long as they should."""


class SumCache(Generic[K]):
    """Keeps sums by key in this process; they are exact only where ``most`` demands it."""

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._sums: dict[K, _Sum] = {}
        self._turns: WeakValueDictionary[K, asyncio.Lock] = WeakValueDictionary()
        self._meanwhile: dict[K, int] = {}
        """What was added since the query of a sum began."""

    async def get(
        self, key: K, add_up: Callable[[], Awaitable[int]], *, most: float = math.inf
    ) -> int:
        """Return a sum; one caller at a time adds an old one up again.

        A sum over ``most`` is added up again even if it is new, unless its key took more than its
        share of the time lately. ``add_up`` need not see what is added after it began.
        """
        asked = self._clock()
        turn = self._turns.setdefault(key, asyncio.Lock())
        known = self._sums.get(key)
        # While another caller adds up, what fits by an old sum does not wait for it.
        if known and (_serves(known, asked, most) or (turn.locked() and known.value <= most)):
            return known.value
        async with turn:
            known, began = self._sums.get(key), self._clock()
            # One that began since we asked is as new as ours would be.
            if known and (known.began >= asked or _serves(known, began, most)):
                return known.value
            if known is None and len(self._sums) > _FEW:
                self._sums.clear()
            self._meanwhile[key] = 0
            try:
                value = await add_up()
            finally:
                added = self._meanwhile.pop(key)
            end = self._clock()
            use = _TIMES * (end - began)
            used_up = (end if known is None else max(end, known.used_up)) + use
            self._sums[key] = _Sum(value + added, began, end + max(_SECONDS, use), used_up)
            return value + added

    def add(self, key: K, more: int) -> None:
        """Add to the sum of a key what its next query will find."""
        if known := self._sums.get(key):
            known.value += more
        if key in self._meanwhile:
            self._meanwhile[key] += more


def _serves(known: _Sum, now: float, most: float) -> bool:
    spent = known.used_up - now > _AHEAD
    return spent or (now < known.fresh_until and known.value <= most)
