"""Read what is in a backup's place, the last one or a cut one's rest, and hold off sweeps."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ferryman import refusals
from ferryman.errors import ConfigError
from ferryman.server.backup import manifest as manifests
from ferryman.server.backup.manifest import BackupManifest, IndexEntry
from ferryman.server.backup.opening import DATABASE
from ferryman.server.backup.place import BackupPlace
from ferryman.server.backup.squeezing import check, lines_of
from ferryman.services.platform import Platform
from ferryman.store.database import SQL
from ferryman.store.storage import SWEEPING

_LOCK_PAUSE = 0.2


@asynccontextmanager
async def no_sweeps(platform: Platform) -> AsyncIterator[None]:
    """Hold sweeps and other backups off; wait for what runs. With this process, the lock ends."""
    async with platform.database.connection() as connection:
        while not await SQL.try_lock(connection, key=SWEEPING):  # noqa: ASYNC110 - others have it
            await asyncio.sleep(_LOCK_PAUSE)
        try:
            yield
        finally:
            await SQL.unlock(connection, key=SWEEPING)


async def before_this(place: BackupPlace, born: str) -> BackupManifest | None:
    """Return the manifest of the backup that is there, if it can be relied on.

    Raises ``ConfigError`` for one of a later version (``backup_newer``), or of another platform
    (``backup_place_foreign``): its files would be removed.
    """
    try:
        manifest = await manifests.read(place)
        await check(place, manifest.index)
    except ConfigError as refused:
        if refused.code == "backup_newer":
            raise
        return None
    if manifest.born != born:
        raise refusals.backup.PLACE_FOREIGN(place=place, name="one of another platform")
    return manifest


async def entries_of(
    place: BackupPlace, manifest: BackupManifest | None
) -> AsyncIterator[IndexEntry]:
    if manifest is not None:
        async for line in lines_of(place, manifest.index.name):
            yield manifests.read_entry(line)


async def remove_leftovers(place: BackupPlace, manifest: BackupManifest | None) -> None:
    """Remove tables and indexes that the manifest does not name."""
    kept: set[str] = set()
    if manifest is not None:
        kept = {each.name for each in manifest.all_kept}
    for name in [name async for name, _ in place.files(DATABASE)]:
        if name not in kept:
            await place.delete(name)
