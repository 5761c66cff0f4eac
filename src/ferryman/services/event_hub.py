"""One stream of what happens to all transfers, read once per process for all who follow it.

    timeline ──one poll──▶ hub ──batch──▶ filter ──▶ follower's queue ──▶ follower

A filter asks for an entry's transfer and kind only, so it runs once for all entries of a batch that
share them: fifty open consoles cost little more than one. While nobody wants the entries
themselves, only their numbers are read, added up by the database.

Numbers are drawn before transactions commit, so an entry can appear after a later one. The hub
notes the numbers that are missing and asks for them again for a while. A follower is told a point
to resume from before which nothing was missing; so after a reconnect nothing is lost, and what came
after a missing number comes again.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable

import structlog

from ferryman.errors import OutsideError
from ferryman.services.event_follower import Batch, ChangeFollower, EntryFollower, Told
from ferryman.services.platform import Platform, wait_for_event
from ferryman.store import event as event_store
from ferryman.store.event import Event, EventGroup
from ferryman.wire.event import StreamChanges

log = structlog.get_logger("ferryman.events")

_POLL_SECONDS = 0.25
_AWAY_SECONDS = 1.0
_MISSING_SECONDS = 10.0
"""Seconds that a transaction may take after it has drawn its numbers."""

_BATCH = 2_000
_RECENT = 1_000
"""How many numbers before the last one may still be missing when the hub begins to read."""

_MOST_MISSING = 5_000
_REST_OF_EACH = 0.04
_LONGEST_REST = 1.0
"""Seconds between two times that somebody is told of changes, for each follower, and at most."""


class EventHub:
    """Reads the timelines of all transfers while there are followers."""

    def __init__(self, platform: Platform, closing: asyncio.Event) -> None:
        self._platform = platform
        self._closing = closing
        self._followers: set[EntryFollower | ChangeFollower] = set()
        self._reading: asyncio.Task[None] | None = None
        self._last = 0
        self._missing: dict[int, float] = {}

    async def follow(
        self, fits: Callable[[EventGroup], bool], resume: int | None = None
    ) -> AsyncIterator[Told]:
        """Yield matching entries as they happen, from now or from a point to resume from.

        It ends when the process closes; the caller then resumes on another one.
        """
        follower = EntryFollower(fits)
        end = await self._join(follower)
        try:
            seen: set[int] = set()
            after = end if resume is None else min(resume, end)
            while after < end:
                async with self._platform.database.reading() as tx:
                    found = await event_store.after(tx, after, size=_BATCH)
                after = found[-1].entry.seq if found else end
                for each in found:
                    if fits(each.group):
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
        self, fits: Callable[[EventGroup], bool]
    ) -> AsyncIterator[tuple[StreamChanges, int]]:
        """Yield how many entries each transfer has had since the last time, as they come.

        For those who look themselves at what changed: it costs the same for one entry and for a
        thousand. Each comes with where to resume from.
        """
        follower = ChangeFollower(fits)
        await self._join(follower)
        try:
            while not self._closing.is_set():
                if follower.changes:
                    changes, follower.changes = follower.changes, Counter()
                    complete, follower.complete = follower.complete, True
                    yield StreamChanges(changes=changes, complete=complete), follower.resume
                    await wait_for_event(self._closing, self._rest)
                    continue
                follower.woken.clear()
                await follower.woken.wait()
        finally:
            self._followers.discard(follower)

    async def _join(self, follower: EntryFollower | ChangeFollower) -> int:
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
                wait = 0.0 if await self._step() else self._pause
            except OutsideError as exc:
                log.warning("events.wait", code=exc.code)
                wait = _AWAY_SECONDS
        for each in self._followers:
            each.woken.set()

    @property
    def _rest(self) -> float:
        """Return the seconds between two times that a follower is told of changes."""
        return min(_LONGEST_REST, len(self._followers) * _REST_OF_EACH)

    @property
    def _whole(self) -> bool:
        """Return whether a follower wants the entries themselves."""
        return any(isinstance(each, EntryFollower) for each in self._followers)

    @property
    def _pause(self) -> float:
        """Return the seconds until the next poll, when there was nothing more."""
        return _POLL_SECONDS if self._whole else max(_POLL_SECONDS, self._rest / 2)

    async def _step(self) -> bool:
        """Hand new entries to the followers; return whether more may be waiting."""
        now = asyncio.get_running_loop().time()
        self._missing = {
            seq: since for seq, since in self._missing.items() if now - since < _MISSING_SECONDS
        }
        whole = self._whole
        async with self._platform.database.reading() as tx:
            if whole:
                found = await event_store.after(tx, self._last, missing=self._missing, size=_BATCH)
                seqs = [each.entry.seq for each in found]
            else:
                changed = await event_store.changes_after(
                    tx, self._last, missing=self._missing, size=_BATCH
                )
                seqs = sorted(seq for each in changed.values() for seq in each)
        if self._whole and not whole:
            return True  # somebody came meanwhile who wants the same entries, and not only numbers
        self._note(seqs, now)
        if seqs:
            batch = self._batch(found) if whole else self._counted(changed)
            for follower in self._followers:
                follower.offer(batch)
        return len(seqs) >= _BATCH

    def _note(self, seqs: list[int], now: float) -> None:
        """Remember which numbers have come, in their order, and which are missing between them."""
        for seq in seqs:
            self._missing.pop(seq, None)
            if seq > self._last:
                room = _MOST_MISSING - len(self._missing)
                for gap in range(max(self._last + 1, seq - max(0, room)), seq):
                    self._missing[gap] = now
                self._last = seq

    def _batch(self, found: list[Event]) -> Batch:
        entries = [Told(each.entry, self._safe(each.entry.seq)) for each in found]
        groups = [each.group for each in found]
        return Batch(Counter(groups), entries[-1].resume, entries, groups)

    def _counted(self, changed: dict[EventGroup, list[int]]) -> Batch:
        counts = Counter({group: len(seqs) for group, seqs in changed.items()})
        return Batch(counts, self._safe(self._last))

    def _safe(self, seq: int) -> int:
        return min((gap - 1 for gap in self._missing if gap <= seq), default=seq)
