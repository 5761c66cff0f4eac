"""``ferryman backup``: one moment of a running platform, with every file accepted until then.

    snapshot of the database ──▶ every file that it knows ──▶ the manifest

No sweep runs meanwhile, so that no file of the snapshot is deleted before it is copied. A backup
that is cut, even by SIGKILL, has no manifest, or still the one before; the next one goes on.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from tempfile import TemporaryFile
from typing import IO, Any
from uuid import UUID

from ferryman import refusals
from ferryman.clock import epoch_ms, wall_now
from ferryman.config import Settings
from ferryman.errors import ConfigError
from ferryman.ids import ephemeral_id
from ferryman.server.backup import manifest as manifests
from ferryman.server.backup.files import CopyTally, FileBackup, prune
from ferryman.server.backup.manifest import BackupManifest, FileProblem, IndexEntry, TableCopy
from ferryman.server.backup.meter import Meter
from ferryman.server.backup.opening import (
    DATABASE,
    check_apart,
    database_of,
    open_platform,
    place_to_fill,
)
from ferryman.server.backup.place import BackupPlace
from ferryman.server.backup.squeezing import check, lines_of, put_squeezed
from ferryman.services.known_store import check_known
from ferryman.services.platform import Platform
from ferryman.store import app_sql as app_sql_store
from ferryman.store import history as history_store
from ferryman.store import storage as storage_store
from ferryman.store import table_copy
from ferryman.store.database import SQL
from ferryman.store.storage import SWEEPING
from ferryman.store.table_copy import KeptBytes
from ferryman.wire.base import Wire

_LOCK_PAUSE = 0.2


class BackupReport(Wire, frozen=True):
    """What a backup holds, and what of it is new. ``moment`` is epoch milliseconds.

    ``left_out_databases`` are those of apps in a MariaDB, which it does not hold.
    """

    place: str
    moment: int
    rows: int
    files: int
    bytes: int
    copied_files: int
    copied_bytes: int
    removed_files: int
    gone_files: int
    problems: list[FileProblem]
    left_out_databases: int = 0


async def backup(
    settings: Settings, address: str, meter: Meter, *, read_all: bool = False
) -> BackupReport:
    """Back up the platform of these settings; raises ``ConfigError`` and ``OutsideError``.

    With ``read_all``, files that the backup has already are read, and copied again if they differ.
    """
    check_apart(settings, address)
    async with (
        place_to_fill(address) as place,
        database_of(settings) as url,
        open_platform(settings, url) as platform,
    ):
        await check_known(platform)
        async with platform.database.reading() as tx:
            born = await table_copy.born_at(tx.connection)
            left_out = await app_sql_store.count(tx)
        folder = f"{DATABASE}{ephemeral_id()}/"
        # In a bucket nothing else keeps a second backup of this platform from removing our files.
        async with _no_sweeps(platform):
            before = await _before(place, born)
            await _remove_leftovers(place, before)
            listed = _entries(place, None if read_all else before)
            manifest, tally = await _copied(platform, place, folder, listed, meter)
            await place.flush()
            await manifests.write(place, manifest)
            await _remove_leftovers(place, manifest)
            await prune(place, _entries(place, manifest), tally)
    return BackupReport(
        place=address.partition("?")[0],
        moment=manifest.moment,
        rows=sum(table.rows for table in manifest.tables),
        files=manifest.files,
        bytes=manifest.bytes,
        copied_files=tally.copied_files,
        copied_bytes=tally.copied_bytes,
        removed_files=tally.removed_files,
        gone_files=len(manifest.gone),
        problems=manifest.problems,
        left_out_databases=left_out,
    )


async def _copied(
    platform: Platform,
    place: BackupPlace,
    folder: str,
    before: AsyncIterator[IndexEntry],
    meter: Meter,
) -> tuple[BackupManifest, CopyTally]:
    with TemporaryFile("w+") as wanted:
        database = await _database(platform, place, folder, wanted)
        total = database.pop("total")
        wanted.seek(0)

        async def is_kept(key: UUID) -> bool:
            async with platform.database.reading() as tx:
                return await storage_store.is_kept(tx, key)

        with meter(total) as tell:
            copying = FileBackup(
                platform.objects,
                place,
                before=before,
                is_kept=is_kept,
                tell=tell,
            )
            _, index = await put_squeezed(
                place, f"{folder}files.gz", lambda write: copying.run(_wanted(wanted), write)
            )
    tally = copying.tally
    manifest = BackupManifest(
        format=manifests.FORMAT,
        version=manifests.software(),
        finished_at=epoch_ms(wall_now()),
        index=index,
        files=tally.files,
        bytes=tally.bytes,
        gone=tally.gone,
        problems=tally.problems,
        **database,
    )
    return manifest, tally


async def _database(
    platform: Platform, place: BackupPlace, folder: str, wanted: IO[str]
) -> dict[str, Any]:
    """Copy all tables as of one moment; write the files it knows to ``wanted``."""
    async with platform.database.connection() as connection:
        # Before the first statement makes the snapshot, which then has all that was accepted.
        moment = epoch_ms(await platform.database.now())
        async with table_copy.snapshot(connection):
            history = await history_store.read(connection)
            history_store.check(history)
            total = (await table_copy.file_totals(connection))[1]
            async for file in table_copy.files(connection):
                wanted.write(_line(file))
            tables = [
                await _table(connection, place, folder, table)
                for table in await table_copy.tables(connection)
            ]
        return {
            "born": await table_copy.born_at(connection),
            "moment": moment,
            "migrations": [n for n in history_store.MIGRATIONS if n not in history.missing],
            "tables": tables,
            "sequences": await table_copy.sequences(connection),
            "total": total,
        }


async def _table(
    connection: Any, place: BackupPlace, folder: str, table: table_copy.Table
) -> TableCopy:
    async def dump(write: Callable[[bytes], Awaitable[None]]) -> int:
        return await table_copy.dump(connection, table, write)

    rows, kept = await put_squeezed(place, f"{folder}{table.name}.copy.gz", dump)
    return TableCopy(table=table.name, columns=list(table.columns), rows=rows, kept=kept)


@asynccontextmanager
async def _no_sweeps(platform: Platform) -> AsyncIterator[None]:
    """Hold sweeps and other backups off; wait for what runs. With this process, the lock ends."""
    async with platform.database.connection() as connection:
        while not await SQL.try_lock(connection, key=SWEEPING):  # noqa: ASYNC110 - others have it
            await asyncio.sleep(_LOCK_PAUSE)
        try:
            yield
        finally:
            await SQL.unlock(connection, key=SWEEPING)


async def _before(place: BackupPlace, born: str) -> BackupManifest | None:
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


async def _entries(
    place: BackupPlace, manifest: BackupManifest | None
) -> AsyncIterator[IndexEntry]:
    if manifest is not None:
        async for line in lines_of(place, manifest.index.name):
            yield manifests.read_entry(line)


async def _remove_leftovers(place: BackupPlace, manifest: BackupManifest | None) -> None:
    """Remove tables and indexes that the manifest does not name."""
    kept: set[str] = set()
    if manifest is not None:
        kept = {table.kept.name for table in manifest.tables} | {manifest.index.name}
    for name in [name async for name, _ in place.files(DATABASE)]:
        if name not in kept:
            await place.delete(name)


def _line(file: KeptBytes) -> str:
    sizes = None if file.part_sizes is None else list(file.part_sizes)
    return json.dumps([str(file.key), file.size, file.sha256, file.parts_sha256, sizes]) + "\n"


async def _wanted(lines: IO[str]) -> AsyncIterator[KeptBytes]:
    for line in lines:
        key, *rest = json.loads(line)
        yield KeptBytes(UUID(key), *rest)
