"""A cache of answers that many consoles ask for, for some seconds."""

import asyncio
from collections import OrderedDict
from collections.abc import Hashable
from datetime import datetime
from typing import Any

_MOST = 500
"""Answers that are kept at most; the oldest are dropped first."""


class AnswerCache:
    """Keeps answers in this process; a key holds all that its answer depends on.

    What the caller may see belongs to the key, so nobody gets an answer that was made for others.
    """

    def __init__(self) -> None:
        self._answers: OrderedDict[Hashable, tuple[Any, datetime, float]] = OrderedDict()

    def get(self, key: Hashable, now: datetime, max_age: float) -> Any:
        """Return the answer for a key, or None if there is none of at most ``max_age`` seconds.

        The age counts by the platform's time ``now``, which may be moved, and by the machine's.
        """
        if not max_age or key not in self._answers:
            return None
        answer, made_at, made = self._answers[key]
        age = asyncio.get_running_loop().time() - made
        moved = abs((now - made_at).total_seconds())
        return answer if age < max_age and moved < max_age else None

    def put(self, key: Hashable, now: datetime, answer: Any) -> None:
        """Store an answer that was made at the platform's time ``now``."""
        self._answers[key] = answer, now, asyncio.get_running_loop().time()
        self._answers.move_to_end(key)
        if len(self._answers) > _MOST:
            self._answers.popitem(last=False)
