"""Bound what one app may hold of shared resources."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID
from weakref import WeakValueDictionary

from ferryman import refusals
from ferryman.domain.limits import OBJECTS_AT_ONCE
from ferryman.services.sum_cache import SumCache
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
        self._sums = SumCache[UUID]()
        self._coming: Counter[UUID] = Counter()

    @asynccontextmanager
    async def admit(
        self, tx: Transaction, app_id: UUID, more: int, *, added: bool = False
    ) -> AsyncIterator[None]:
        """Count ``more`` bytes, which the block commits; ``added``: ``tx`` has added them already.

        Raises :class:`LimitExceeded` (``app_bytes_exceeded``). What does not fit by a sum of a
        while ago is added up again.
        """
        if self._limit is None or more <= 0:
            yield
            return
        add_up = partial(self._add_up, tx, app_id, more if added else 0)
        held = await self._sums.get(app_id, add_up, most=self._limit - more)
        if held + more > self._limit:
            raise refusals.upload.APP_BYTES(limit=self._limit, held=held, more=more)
        self._sums.add(app_id, more)
        self._coming[app_id] += more
        try:
            yield
        finally:
            self._coming[app_id] -= more
            if not self._coming[app_id]:
                del self._coming[app_id]

    async def held(self, tx: Transaction, app_id: UUID) -> tuple[int, int] | None:
        """Return what an app held a while ago, and its limit; None without a limit."""
        if self._limit is None:
            return None
        held = await self._sums.get(app_id, partial(self._add_up, tx, app_id))
        return held, self._limit

    async def _add_up(self, tx: Transaction, app_id: UUID, besides: int = 0) -> int:
        """Return all bytes that are committed or about to be, except ``besides``.

        What comes now may be committed and over before the answer is here, which lacks it then.
        """
        coming = self._coming[app_id] - besides
        return coming + await upload_store.bytes_of_app(tx, app_id)


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
        self._sums = SumCache[str]()

    async def admit(
        self, database: str, usage: Callable[[str], Awaitable[tuple[int, int]]]
    ) -> None:
        """Refuse to let a database grow that is too large (``sql_storage_exceeded``)."""

        async def add_up() -> int:
            _, held = await usage(database)
            return held

        # One that is full is looked at again, as tables may be dropped.
        held = await self._sums.get(database, add_up, most=self._limit)
        if held > self._limit:
            raise refusals.sql.STORAGE_EXCEEDED(limit=self._limit, held=held)


def with_parts(upload: UploadRow, parts: Sequence[PartRequest]) -> UploadRow:
    """Return an upload that may also hold these parts."""
    return replace(
        upload,
        parts=max(upload.parts, *(part.number for part in parts)),
        largest_part=max(upload.largest_part, *(part.size for part in parts)),
    )
