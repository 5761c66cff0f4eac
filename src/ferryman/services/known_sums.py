"""Keep sums that take long to add up, and spend a bounded part of the time on them."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

_SECONDS = 1.0
"""How long a sum is used at least."""

_TIMES = 20
"""A sum is used for this many times as long as it took, so sums take a twentieth of the time."""

_AHEAD = 10.0
"""Seconds of use that a key may be behind with before it is not added up out of turn."""

_FEW = 1_000


@dataclass(slots=True)
class _Sum:
    value: int
    fresh_until: float
    used_up: float
    """When all sums of this key so far have been used for as long as they should."""


class KnownSums(Generic[K]):
    """Sums by key, as far as this process knows; not exact, except where that matters."""

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._sums: dict[K, _Sum] = {}

    async def get(
        self, key: K, add_up: Callable[[], Awaitable[int]], *, most: float = math.inf
    ) -> int:
        """Return a sum, added up again if it is old.

        One that is over ``most`` is added up again at once, unless sums of its key took more than
        their part of the time lately.
        """
        known, now = self._sums.get(key), self._clock()
        if known is not None:
            spent = known.used_up - now > _AHEAD
            if spent or (now < known.fresh_until and known.value <= most):
                return known.value
        if known is None and len(self._sums) > _FEW:
            self._sums.clear()
        value = await add_up()
        end = self._clock()
        use = _TIMES * (end - now)
        used_up = end + use if known is None else max(end, known.used_up) + use
        self._sums[key] = _Sum(value, end + max(_SECONDS, use), used_up)
        return value

    def add(self, key: K, more: int) -> None:
        """Add to a sum what will be part of it."""
        if known := self._sums.get(key):
            known.value += more
