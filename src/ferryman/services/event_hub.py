"""One stream of what happens to all transfers, read once per process for all who follow it.

    timeline ──one poll──▶ hub ──batch──▶ filter ──▶ follower's queue ──▶ follower

A filter asks for an entry's transfer and kind only, so it runs once for all entries of a batch that
share them: fifty open consoles cost little more than one.

Numbers are drawn before transactions commit, so an entry can appear after a later one. The hub
notes the numbers that are missing and asks for them again for a while. A follower is told a point
to resume from before which nothing was missing; so after a reconnect nothing is lost, and what came
after a missing number comes again.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import structlog

from ferryman.errors import OutsideError
from ferryman.services.platform import Platform, wait_for_event
from ferryman.store import event as event_store
from ferryman.store.event import Event
from ferryman.wire.event import StreamChanges, StreamEntry

log = structlog.get_logger("ferryman.events")

_POLL_SECONDS = 0.25
_AWAY_SECONDS = 1.0
_MISSING_SECONDS = 10.0
"""Seconds that a transaction may take after it has drawn its numbers."""

_BATCH = 2_000
_RECENT = 1_000
"""Numbers before the last one of which some may not have come yet when the hub begins to read."""

_MOST_MISSING = 5_000
_MOST_QUEUED = 20_000
"""Entries that a slow follower may be behind; then some are skipped, and it is told."""

_MOST_CHANGED = 500

_REST_OF_EACH = 0.04
_LONGEST_REST = 1.0
"""Seconds between two times that somebody is told of changes, for each follower, and at most."""


@dataclass(frozen=True, slots=True)
class Told:
    """An entry, or None for a number of them that were skipped; ``resume`` is where to go on."""

    entry: StreamEntry | None
    resume: int
    skipped: int = 0


_Group = tuple[str, str]
"""The transfer and the kind of entries: a filter wants all entries of a group, or none."""


@dataclass(frozen=True, slots=True)
class _Batch:
    """Entries that were read together, each with where to resume from after it."""

    entries: list[Told]
    groups: list[_Group]  # of each entry
    events: dict[_Group, Event]  # one of each group, to ask a filter about
    counts: Counter[_Group]
    resume: int

    def wanted(self, fits: Callable[[Event], bool]) -> set[_Group]:
        return {group for group, event in self.events.items() if fits(event)}


@dataclass(eq=False)
class _Follower:
    """One that is told each entry."""

    fits: Callable[[Event], bool]
    queue: deque[Told] = field(default_factory=deque)
    skipped: int = 0
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, batch: _Batch) -> None:
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
class _ChangeFollower:
    """One that is told how many entries each transfer has had."""

    fits: Callable[[Event], bool]
    changes: Counter[str] = field(default_factory=Counter)
    complete: bool = True
    resume: int = 0
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, batch: _Batch) -> None:
        wanted = batch.wanted(self.fits)
        if not wanted:
            return
        for group in wanted:
            self.changes[group[0]] += batch.counts[group]
        if len(self.changes) > _MOST_CHANGED:
            self.changes = Counter(dict(self.changes.most_common(_MOST_CHANGED)))
            self.complete = False
        self.resume = batch.resume
        self.woken.set()


class EventHub:
    """Reads the timelines of all transfers while anybody follows them."""

    def __init__(self, platform: Platform, closing: asyncio.Event) -> None:
        self._platform = platform
        self._closing = closing
        self._followers: set[_Follower | _ChangeFollower] = set()
        self._reading: asyncio.Task[None] | None = None
        self._last = 0
        self._missing: dict[int, float] = {}

    async def follow(
        self, fits: Callable[[Event], bool], resume: int | None = None
    ) -> AsyncIterator[Told]:
        """Yield what fits as it happens, from now or from a point to resume from.

        It ends when the process closes; the caller then goes on with another one.
        """
        follower = _Follower(fits)
        end = await self._join(follower)
        try:
            seen: set[int] = set()
            after = end if resume is None else min(resume, end)
            while after < end:
                async with self._platform.database.reading() as tx:
                    found = await event_store.after(tx, after, size=_BATCH)
                after = found[-1].entry.seq if found else end
                for each in found:
                    if fits(each):
                        seen.add(each.entry.seq)
                        yield Told(each.entry, self._safe(each.entry.seq))
            while not self._closing.is_set():
                while follower.queue:
                    told = follower.queue.popleft()
                    if told.entry is None or told.entry.seq not in seen:
                        yield told
                if follower.skipped:
                    skipped, follower.skipped = follower.skipped, 0
                    yield Told(None, self._safe(self._last), skipped)
                follower.woken.clear()
                await follower.woken.wait()
        finally:
            self._followers.discard(follower)

    async def follow_changes(
        self, fits: Callable[[Event], bool]
    ) -> AsyncIterator[tuple[StreamChanges, int]]:
        """Yield how many entries each transfer has had since the last time, as they come.

        For those who look themselves at what changed: it costs the same for one entry and for a
        thousand. Each comes with where to resume from.
        """
        follower = _ChangeFollower(fits)
        await self._join(follower)
        try:
            while not self._closing.is_set():
                if follower.changes:
                    changes, follower.changes = follower.changes, Counter()
                    complete, follower.complete = follower.complete, True
                    yield StreamChanges(changes=changes, complete=complete), follower.resume
                    rest = min(_LONGEST_REST, len(self._followers) * _REST_OF_EACH)
                    await wait_for_event(self._closing, rest)
                    continue
                follower.woken.clear()
                await follower.woken.wait()
        finally:
            self._followers.discard(follower)

    async def _join(self, follower: _Follower | _ChangeFollower) -> int:
        """Add a follower; return the last number that it will not be offered."""
        if self._reading is None or self._reading.done():
            async with self._platform.database.reading() as tx:
                last = await event_store.last(tx)
                begin = max(0, last - _RECENT)
                recent = await event_store.after(tx, begin, size=_RECENT)
            # Another follower may have been faster.
            if self._reading is None or self._reading.done():
                now = asyncio.get_running_loop().time()
                gaps = {*range(begin + 1, last)} - {each.entry.seq for each in recent}
                self._last, self._missing = last, dict.fromkeys(gaps, now)
                self._reading = asyncio.create_task(self._read())
        self._followers.add(follower)
        return self._last

    async def _read(self) -> None:
        wait = 0.0
        # The first follower joins right after this began.
        await asyncio.sleep(0)
        while self._followers and not self._closing.is_set():
            if wait:
                await wait_for_event(self._closing, wait)
            try:
                wait = 0.0 if await self._step() else _POLL_SECONDS
            except OutsideError as exc:
                log.warning("events.wait", code=exc.code)
                wait = _AWAY_SECONDS
        for each in self._followers:
            each.woken.set()

    async def _step(self) -> bool:
        """Hand out what is new; return whether there may be more at once."""
        now = asyncio.get_running_loop().time()
        self._missing = {
            seq: since for seq, since in self._missing.items() if now - since < _MISSING_SECONDS
        }
        async with self._platform.database.reading() as tx:
            found = await event_store.after(tx, self._last, missing=self._missing, size=_BATCH)
        for each in found:
            seq = each.entry.seq
            self._missing.pop(seq, None)
            if seq > self._last:
                room = _MOST_MISSING - len(self._missing)
                for gap in range(max(self._last + 1, seq - max(0, room)), seq):
                    self._missing[gap] = now
                self._last = seq
        if found:
            batch = self._batch(found)
            for follower in self._followers:
                follower.offer(batch)
        return len(found) >= _BATCH

    def _batch(self, found: list[Event]) -> _Batch:
        entries = [Told(each.entry, self._safe(each.entry.seq)) for each in found]
        groups = [(each.entry.transfer_id, each.entry.kind) for each in found]
        events = dict(zip(groups, found, strict=True))
        return _Batch(entries, groups, events, Counter(groups), entries[-1].resume)

    def _safe(self, seq: int) -> int:
        return min((gap - 1 for gap in self._missing if gap <= seq), default=seq)
