"""``ferryman backup``: one moment of a running platform, with every file accepted until then.

    snapshot of the database ──▶ every file that it knows ──▶ the manifest

No sweep runs meanwhile, so that no file of the snapshot is deleted before it is copied. A backup
that is cut, even by SIGKILL, has no manifest, or still the one before; the next one goes on.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from tempfile import TemporaryFile
from typing import IO, Any
from uuid import UUID

from ferryman.clock import epoch_ms, wall_now
from ferryman.config import Settings
from ferryman.ids import ephemeral_id
from ferryman.server.backup import manifest as manifests
from ferryman.server.backup.app_databases import AppCopies, quiet
from ferryman.server.backup.earlier import (
    before_this,
    entries_of,
    no_sweeps,
    remove_leftovers,
)
from ferryman.server.backup.files import CopyTally, FileBackup, prune
from ferryman.server.backup.manifest import (
    BackupManifest,
    DatabaseCopy,
    FileProblem,
    IndexEntry,
    TableCopy,
)
from ferryman.server.backup.meter import Meter
from ferryman.server.backup.opening import (
    DATABASE,
    check_apart,
    database_of,
    open_platform,
    place_to_fill,
)
from ferryman.server.backup.place import BackupPlace
from ferryman.server.backup.squeezing import put_squeezed
from ferryman.services.known_store import check_known
from ferryman.services.platform import Platform
from ferryman.store import app_sql as app_sql_store
from ferryman.store import history as history_store
from ferryman.store import storage as storage_store
from ferryman.store import table_copy
from ferryman.store.table_copy import KeptBytes
from ferryman.wire.base import Wire


class BackupReport(Wire, frozen=True):
    """The contents of a backup, and which of them are new. ``moment`` is epoch milliseconds.

    ``databases`` are those of apps in a MariaDB; ``left_out_databases`` are missing from the
    backup.
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
    databases: int = 0
    left_out_databases: int = 0


async def backup(
    settings: Settings, address: str, meter: Meter, *, read_all: bool = False, sql: bool = True
) -> BackupReport:
    """Back up the platform of these settings; raises ``ConfigError`` and ``OutsideError``.

    With ``read_all``, files that the backup has already are read, and copied again if they differ.
    Without ``sql``, databases of apps are left out.
    """
    check_apart(settings, address)
    async with (
        place_to_fill(address) as place,
        quiet(settings),
        database_of(settings) as url,
        open_platform(settings, url) as platform,
    ):
        await check_known(platform)
        async with platform.database.reading() as tx:
            born = await table_copy.born_at(tx.connection)
            left_out = 0 if sql else await app_sql_store.count(tx)
        folder = f"{DATABASE}{ephemeral_id()}/"
        # In a bucket nothing else keeps a second backup of this platform from removing our files.
        async with no_sweeps(platform):
            before = await before_this(place, born)
            await remove_leftovers(place, before)
            listed = entries_of(place, None if read_all else before)
            manifest, tally = await _copied(platform, place, folder, listed, meter, sql=sql)
            await place.flush()
            await manifests.write(place, manifest)
            await remove_leftovers(place, manifest)
            await prune(place, entries_of(place, manifest), tally)
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
        databases=len(manifest.databases),
        left_out_databases=left_out,
    )


async def _copied(
    platform: Platform,
    place: BackupPlace,
    folder: str,
    before: AsyncIterator[IndexEntry],
    meter: Meter,
    *,
    sql: bool,
) -> tuple[BackupManifest, CopyTally]:
    with TemporaryFile("w+") as wanted:
        database = await _database(platform, place, folder, wanted)
        total = database.pop("total")
        databases = await _app_databases(platform, place, folder) if sql else []
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
        format=manifests.FORMAT if databases else manifests.FORMAT_WITHOUT_SQL,
        version=manifests.software(),
        finished_at=epoch_ms(wall_now()),
        index=index,
        files=tally.files,
        bytes=tally.bytes,
        gone=tally.gone,
        problems=tally.problems,
        databases=databases,
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


async def _app_databases(platform: Platform, place: BackupPlace, folder: str) -> list[DatabaseCopy]:
    copies = AppCopies(platform.settings)
    try:
        return await copies.copy(platform.database.pool, place, folder)
    finally:
        copies.close()


async def _table(
    connection: Any, place: BackupPlace, folder: str, table: table_copy.Table
) -> TableCopy:
    async def dump(write: Callable[[bytes], Awaitable[None]]) -> int:
        return await table_copy.dump(connection, table, write)

    rows, kept = await put_squeezed(place, f"{folder}{table.name}.copy.gz", dump)
    return TableCopy(table=table.name, columns=list(table.columns), rows=rows, kept=kept)


def _line(file: KeptBytes) -> str:
    sizes = None if file.part_sizes is None else list(file.part_sizes)
    return json.dumps([str(file.key), file.size, file.sha256, file.parts_sha256, sizes]) + "\n"


async def _wanted(lines: IO[str]) -> AsyncIterator[KeptBytes]:
    for line in lines:
        key, *rest = json.loads(line)
        yield KeptBytes(UUID(key), *rest)
