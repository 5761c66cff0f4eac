"""Share counts between callers: a count of many messages may be some seconds old.

The caller says how old a count may be at most. Larger counts are kept longer, so open consoles cost
the same beside any number of messages; small ones are made each time.
"""

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from ferryman.services.platform import Platform
from ferryman.store import diagnosis as diagnosis_store
from ferryman.store import metrics as metrics_store
from ferryman.store.database import Transaction
from ferryman.store.diagnosis import EventCount
from ferryman.store.listing import EXACT, Total
from ferryman.store.metrics import Queue
from ferryman.store.transfer import StoredTransfer

T = TypeVar("T")

ROWS_A_SECOND = 1_000
"""Rows that were counted, for each second that their count may be old."""

_LEAST = 1.0
"""Seconds below which a count is not worth keeping."""


@dataclass(frozen=True, slots=True)
class MessageCounts:
    """The messages of a transfer by event, in the order in which the events first happened."""

    events: tuple[EventCount, ...]

    @property
    def messages(self) -> int:
        """Return how many there are."""
        return sum(each.created for each in self.events)

    @property
    def attempts(self) -> int:
        """Return how often they were sent."""
        return sum(each.attempts for each in self.events)

    @property
    def undelivered(self) -> int:
        """Return how many were given up."""
        return sum(each.undelivered for each in self.events)


async def messages_of(
    platform: Platform, tx: Transaction, stored: StoredTransfer, max_age: float
) -> MessageCounts:
    """Return the counts of a transfer, at most ``max_age`` seconds old."""
    key = ("messages of", stored.transfer_id, stored.state.status)
    age = _age_of_kept(platform, tx, key, max_age, lambda counts: counts.messages)

    async def make() -> MessageCounts:
        return MessageCounts(tuple(await diagnosis_store.events(tx, stored.transfer_id)))

    return await kept(platform, tx, key, age, make)


async def queues(platform: Platform, tx: Transaction, max_age: float) -> list[Queue]:
    """Return the messages that wait, by app; they were counted ``max_age`` seconds ago."""
    key = "queues"
    age = _age_of_kept(
        platform,
        tx,
        key,
        max_age,
        lambda queues: sum(each.due + each.deferred + each.parked for each in queues),
    )
    return await kept(platform, tx, key, age, partial(metrics_store.queues, tx))


def _age_of_kept(
    platform: Platform,
    tx: Transaction,
    key: Hashable,
    max_age: float,
    rows: Callable[[Any], int],
) -> float:
    """Return how old a kept count may be, by how many rows it had."""
    found = platform.answer_cache.get(key, tx.now, max_age)
    return 0 if found is None else age_of(rows(found), max_age)


def age_of(rows: int, max_age: float) -> float:
    """Return how old a count of this many rows may be, in seconds; 0: count each time."""
    age = min(max_age, rows / ROWS_A_SECOND)
    return age if age >= _LEAST else 0


async def kept(
    platform: Platform,
    tx: Transaction,
    key: Hashable,
    age: float,
    make: Callable[[], Awaitable[T]],
) -> T:
    """Return what was made for a key less than ``age`` seconds ago, or make it now."""
    found: T | None = platform.answer_cache.get(key, tx.now, age)
    if found is None:
        found = await make()
        platform.answer_cache.put(key, tx.now, found)
    return found


async def total(
    platform: Platform,
    tx: Transaction,
    query: Hashable,
    max_age: float,
    count: Callable[[], Awaitable[Total]],
) -> Total:
    """Return the total of a list; one that is an estimate anyway may be ``max_age`` seconds old.

    ``query`` is all that the list depends on, what its caller may see included.
    """
    key = ("total of", query)
    found: Total | None = platform.answer_cache.get(key, tx.now, age_of(EXACT, max_age))
    if found is None or found.exact:
        found = await count()
        platform.answer_cache.put(key, tx.now, found)
    return found
