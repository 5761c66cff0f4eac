"""Those who follow the events of all transfers, and what each is handed."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from ferryman.store.event import EventGroup
from ferryman.wire.event import StreamEntry

_MOST_QUEUED = 20_000
"""How many entries a slow follower may lag behind; beyond, some are skipped, and it is told."""

_MOST_CHANGED = 500


@dataclass(frozen=True, slots=True)
class Told:
    """An entry, or None for a number of skipped ones; ``resume`` is the point to resume from."""

    entry: StreamEntry | None
    resume: int
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """What one poll read: entries, each with its point to resume from, or only counts.

    A filter accepts all entries of a group, or none.
    """

    counts: Counter[EventGroup]
    resume: int
    entries: list[Told] = field(default_factory=list)
    groups: list[EventGroup] = field(default_factory=list)  # of each entry

    def wanted(self, fits: Callable[[EventGroup], bool]) -> set[EventGroup]:
        """Return the groups that a follower wants."""
        return {group for group in self.counts if fits(group)}


@dataclass(eq=False)
class EntryFollower:
    """A follower that is sent each entry."""

    fits: Callable[[EventGroup], bool]
    queue: deque[Told] = field(default_factory=deque)
    skipped: int = 0
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, batch: Batch) -> None:
        """Queue the entries that pass the filter, and wake the reader."""
        wanted = batch.wanted(self.fits)
        if not wanted:
            return
        fitting = [
            told for told, group in zip(batch.entries, batch.groups, strict=True) if group in wanted
        ]
        room = max(0, _MOST_QUEUED - len(self.queue))
        self.queue.extend(fitting[:room])
        self.skipped += len(fitting[room:])
        self.woken.set()


@dataclass(eq=False)
class ChangeFollower:
    """A follower that is sent the number of new entries of each transfer."""

    fits: Callable[[EventGroup], bool]
    changes: Counter[str] = field(default_factory=Counter)
    complete: bool = True
    resume: int = 0
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, batch: Batch) -> None:
        """Add up the counts that pass the filter, and wake the reader."""
        wanted = batch.wanted(self.fits)
        if not wanted:
            return
        for group in wanted:
            self.changes[group.transfer_id] += batch.counts[group]
        if len(self.changes) > _MOST_CHANGED:
            self.changes = Counter(dict(self.changes.most_common(_MOST_CHANGED)))
            self.complete = False
        self.resume = batch.resume
        self.woken.set()
