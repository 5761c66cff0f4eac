"""Move the bytes of Forge apps' objects into the object store and out of it.

A row is written before the first byte and deleted after the last, so a sweep finds the file of a
call that was cut off.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import md5, sha256
from uuid import UUID

import structlog

from ferryman import refusals
from ferryman.domain.app_object import Checksum, NewObject, ObjectName, content_type
from ferryman.errors import OutsideError, PlatformError
from ferryman.ids import new_id
from ferryman.in_parallel import in_parallel
from ferryman.objects.app_object_url import ObjectGrant
from ferryman.objects.port import Part
from ferryman.services.platform import Platform
from ferryman.store import app_object as object_store
from ferryman.store import storage as storage_store
from ferryman.store.key_value import AppSite
from ferryman.wire.upload import PartRequest

log = structlog.get_logger("ferryman.objects")

_REMOVED_AT_ONCE = 16
_BATCH = 500


async def receive(
    platform: Platform, grant: ObjectGrant, kind: str | None, body: AsyncIterator[bytes]
) -> None:
    """Keep the object that a URL was signed for; it replaces that of its key once it is whole.

    Raises :class:`Invalid` (``os_size_mismatch``, ``os_checksum_mismatch``), :class:`Conflict`
    (``os_object_exists``, ``os_upload_given_up``), :class:`LimitExceeded`
    (``app_bytes_exceeded``), and what the store raises; nothing is kept then.
    """
    where = AppSite(UUID(grant.app_id), grant.site)
    new = NewObject(
        name=ObjectName(grant.key, cdn=grant.cdn),
        size=grant.size,
        checksum=grant.checksum,
        checksum_type=grant.checksum_type,
        overwrite=grant.overwrite,
    )
    async with platform.app_objects.turn(grant.app_id):
        upload = _Upload(platform, new_id(), new)
        async with AsyncExitStack() as until_committed, platform.database.transaction() as tx:
            if not await object_store.begin(tx, where, upload.key, new, content_type(kind)):
                raise refusals.key_value.INSTALLATION_GONE()
            # Its URL was counted for a moment only: many could be used together later.
            admitted = platform.held_bytes.admit(tx, where.app_id, new.size, added=True)
            await until_committed.enter_async_context(admitted)
        try:
            digest = await upload.run(body)
            replaced = await _keep(platform, where, upload.key, new, digest)
        except BaseException:
            await asyncio.shield(_give_up(platform, upload))
            raise
    if replaced is not None:
        await remove(platform, [replaced])


async def remove(platform: Platform, keys: Sequence[UUID]) -> None:
    """Delete files that nothing leads to, then their rows; a sweep finds what fails."""
    try:
        await in_parallel(
            lambda key: platform.objects.delete(str(key)), keys, most=_REMOVED_AT_ONCE
        )
    except OutsideError as error:
        log.warning("object.not_removed", code=error.code)
        return
    async with platform.database.transaction() as tx:
        await object_store.forget(tx, keys)


async def remove_unfinished(platform: Platform, before: datetime) -> None:
    """Delete files that nothing leads to, and those begun by ``before`` that are not whole yet."""
    async with platform.database.transaction() as tx:
        await object_store.end_unfinished(tx, before, _BATCH)
    await remove_gone(platform)


async def remove_gone(platform: Platform) -> None:
    """Delete files that no row refers to; keep those that the store fails to delete."""
    after = UUID(int=0)
    while True:
        async with platform.database.reading() as tx:
            gone = await object_store.gone(tx, after, _BATCH)
        await remove(platform, gone)
        if len(gone) < _BATCH:
            return
        after = gone[-1]


async def _keep(
    platform: Platform, where: AppSite, key: UUID, new: NewObject, digest: str
) -> UUID | None:
    """Make a whole file the object of its name; return the file that it replaces, if any."""
    async with platform.database.transaction() as tx:
        site = await object_store.hold_site(tx, where)
        if site is None:
            raise refusals.key_value.INSTALLATION_GONE()
        replaced = await object_store.end(tx, site, new.name)
        if replaced is not None and not new.overwrite:
            raise refusals.app_object.EXISTS()
        if not await object_store.keep(tx, key, digest):
            raise refusals.app_object.GIVEN_UP()
    return replaced


async def _give_up(platform: Platform, upload: "_Upload") -> None:
    """Remove what came of an object, unless it became whole after all."""
    with suppress(PlatformError):
        async with platform.database.transaction() as tx:
            given_up = await object_store.give_up(tx, upload.key)
            # What it was for may be deleted by now, with its row.
            if not given_up and await storage_store.is_kept(tx, upload.key):
                return
        if upload.reference:
            await platform.objects.abort(str(upload.key), upload.reference)
        await remove(platform, [upload.key])


@dataclass
class _Upload:
    """An object that comes, in parts that the platform sends to the store."""

    platform: Platform
    key: UUID
    new: NewObject
    reference: str = ""
    """The store's, once it is opened there."""

    def __post_init__(self) -> None:
        self._checksum, self._digest = Checksum(self.new.checksum_type), sha256()
        self._held, self._parts = bytearray(), list[Part]()

    async def run(self, body: AsyncIterator[bytes]) -> str:
        """Store the bytes; return their sha256."""
        store, size, came = self.platform.objects, self.new.size, 0
        step = max(store.part_size, store.min_part_size, -(-size // store.max_parts))
        self.reference = await store.begin(str(self.key))
        async for chunk in body:
            came += len(chunk)
            if came > size:
                raise refusals.app_object.SIZE_MISMATCH(size=size, found=f"{came} bytes or more")
            self._held += chunk
            while len(self._held) >= step:
                await self._send(step)
        if came != size:
            raise refusals.app_object.SIZE_MISMATCH(size=size, found=f"{came} bytes")
        if self._held or not self._parts:
            await self._send(step)
        found = self._checksum.text()
        if found != self.new.checksum:
            raise refusals.app_object.CHECKSUM_MISMATCH(
                kind=self.new.checksum_type, expected=self.new.checksum, found=found
            )
        await store.complete(str(self.key), self.reference, self._parts)
        return self._digest.hexdigest()

    async def _send(self, step: int) -> None:
        data = bytes(self._held[:step])
        del self._held[:step]
        part = await asyncio.to_thread(self._described, data)
        key = str(self.key)
        self._parts.append(await self.platform.objects.put_part(key, self.reference, part, data))

    def _described(self, data: bytes) -> PartRequest:
        self._checksum.update(data)
        self._digest.update(data)
        return PartRequest(
            number=len(self._parts) + 1,
            size=len(data),
            sha256=sha256(data).hexdigest(),
            md5=md5(data, usedforsecurity=False).hexdigest(),
        )
