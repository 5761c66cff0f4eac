"""Keep answers for some seconds, for the many who look at the same."""

import asyncio
from collections import OrderedDict
from collections.abc import Hashable
from datetime import datetime
from typing import Any

_MOST = 500
"""Answers that are kept at most; those that were made first go first."""


class KeptAnswers:
    """Answers by all that they depend on, such as what their callers may see; per process."""

    def __init__(self) -> None:
        self._answers: OrderedDict[Hashable, tuple[Any, datetime, float]] = OrderedDict()

    def find(self, key: Hashable, now: datetime, max_age: float) -> Any:
        """Return the answer of a key, at most ``max_age`` seconds old; None if there is none.

        Both by the platform's time ``now``, which may be moved, and by the clock of the machine.
        """
        if not max_age or key not in self._answers:
            return None
        answer, made_at, made = self._answers[key]
        age = asyncio.get_running_loop().time() - made
        moved = abs((now - made_at).total_seconds())
        return answer if age < max_age and moved < max_age else None

    def keep(self, key: Hashable, now: datetime, answer: Any) -> None:
        """Keep an answer, which was made at the platform's time ``now``."""
        self._answers[key] = answer, now, asyncio.get_running_loop().time()
        self._answers.move_to_end(key)
        if len(self._answers) > _MOST:
            self._answers.popitem(last=False)
