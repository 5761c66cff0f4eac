"""Bound what one app may hold of shared resources."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID
from weakref import WeakValueDictionary

from ferryman import refusals
from ferryman.domain.limits import OBJECTS_AT_ONCE
from ferryman.store import upload as upload_store
from ferryman.store.app import AppRow
from ferryman.store.database import Transaction
from ferryman.store.upload import UploadRow
from ferryman.wire.upload import PartRequest

if TYPE_CHECKING:
    from ferryman.config import Settings

_SECONDS = 1.0
"""How long a count is used: a quota need not be exact, and most files are begun in bursts."""

_FEW = 1_000

_TIMES = 20
"""A sum is used for this many times as long as it took to compute."""


class OpenUploads:
    """Counts the uploads that each app has open, as far as this process knows."""

    def __init__(self) -> None:
        self._counts: dict[UUID, tuple[float, int]] = {}

    async def admit(self, tx: Transaction, app: AppRow, settings: "Settings", files: int) -> None:
        """Count ``files`` more; raise :class:`RateLimited` (``too_many_open_uploads``)."""
        now, limit = asyncio.get_running_loop().time(), settings.open_uploads
        until, count = self._counts.get(app.app_id, (0.0, 0))
        if now >= until:
            if len(self._counts) > _FEW:
                self._counts.clear()
            until, count = now + _SECONDS, await upload_store.count_open(tx, app.app_id, limit)
        if count >= limit:
            raise refusals.upload.TOO_MANY_OPEN(limit=limit)
        self._counts[app.app_id] = until, count + files


class HeldBytes:
    """Adds up what each app holds in the stores, as far as this process knows.

    Open uploads count with all that they may hold, so URLs that were signed and not used yet count
    as well. ``limit`` is the most bytes of an app; None if there is no limit.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        self._held: dict[UUID, tuple[float, int]] = {}

    async def admit(self, tx: Transaction, app: AppRow, more: int) -> None:
        """Add ``more`` bytes; raise :class:`LimitExceeded` (``app_bytes_exceeded``)."""
        if self._limit is None or more <= 0:
            return
        clock = asyncio.get_running_loop().time
        now = clock()
        until, held = self._held.get(app.app_id, (0.0, 0))
        if now >= until:
            if len(self._held) > _FEW:
                self._held.clear()
            held = await upload_store.bytes_of_app(tx, app.app_id)
            # Adding up a million values takes a part of a second.
            until = clock() + max(_SECONDS, _TIMES * (clock() - now))
        if held + more > self._limit:
            raise refusals.upload.APP_BYTES(limit=self._limit, held=held, more=more)
        self._held[app.app_id] = until, held + more

    async def check(self, tx: Transaction, app_id: UUID, added: int) -> None:
        """Refuse bytes that ``tx`` has added already, as those of a URL signed some time ago.

        Raises :class:`LimitExceeded` (``app_bytes_exceeded``). Near the limit it adds up exactly.
        """
        if self._limit is None:
            return
        clock = asyncio.get_running_loop().time
        now = clock()
        until, held = self._held.get(app_id, (0.0, 0))
        if now < until and held + added <= self._limit:
            return
        held = await upload_store.bytes_of_app(tx, app_id)
        if held > self._limit:
            raise refusals.upload.APP_BYTES(limit=self._limit, held=held - added, more=added)
        self._held[app_id] = clock() + max(_SECONDS, _TIMES * (clock() - now)), held

    async def held(self, tx: Transaction, app_id: UUID) -> tuple[int, int] | None:
        """Return what an app holds, a while ago, and the most that it may; None without a limit."""
        if self._limit is None:
            return None
        clock = asyncio.get_running_loop().time
        now = clock()
        until, held = self._held.get(app_id, (0.0, 0))
        if now >= until:
            held = await upload_store.bytes_of_app(tx, app_id)
            self._held[app_id] = clock() + max(_SECONDS, _TIMES * (clock() - now)), held
        return held, self._limit


class AppObjects:
    """The turns of objects that come for each app, and the secret that signs their URLs."""

    def __init__(self) -> None:
        self.secret: bytes | None = None
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, app_id: str) -> AsyncIterator[None]:
        """Wait for the turn of one more object, which takes the memory of a part."""
        turns = self._turns.setdefault(app_id, asyncio.Semaphore(OBJECTS_AT_ONCE))
        async with turns:
            yield


class SqlBytes:
    """Knows how large apps' SQL databases are, as far as this process looked."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: dict[str, tuple[float, int]] = {}

    async def admit(
        self, database: str, usage: Callable[[str], Awaitable[tuple[int, int]]]
    ) -> None:
        """Refuse to let a database grow that is too large (``sql_storage_exceeded``)."""
        clock = asyncio.get_running_loop().time
        now = clock()
        until, held = self._held.get(database, (0.0, 0))
        if now >= until:
            if len(self._held) > _FEW:
                self._held.clear()
            _, held = await usage(database)
            # One that is full is looked at again at once, as tables may be dropped.
            fresh = 0.0 if held > self._limit else max(_SECONDS, _TIMES * (clock() - now))
            self._held[database] = clock() + fresh, held
        if held > self._limit:
            raise refusals.sql.STORAGE_EXCEEDED(limit=self._limit, held=held)


def with_parts(upload: UploadRow, parts: Sequence[PartRequest]) -> UploadRow:
    """Return an upload that may also hold these parts."""
    return replace(
        upload,
        parts=max(upload.parts, *(part.number for part in parts)),
        largest_part=max(upload.largest_part, *(part.size for part in parts)),
    )
