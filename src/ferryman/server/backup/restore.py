"""``ferryman restore``: make a platform of a backup, in an empty folder and an empty database.

            ┌─▶ files of app data ──────────────┐
    check ──┤                                   ├─▶ newer schema changes
            └─▶ all tables, in one transaction ─┘

Until the end the folder has a mark, with which nothing starts there. A restore that is cut goes on
with the next one; one that is refused leaves folder, database and store as empty as they were.
Databases of apps come last; where they cannot be made, the next restore goes on with them.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg

from ferryman import refusals
from ferryman.config import Settings
from ferryman.errors import ConfigError
from ferryman.server.backup import manifest as manifests
from ferryman.server.backup.app_databases import AppCopies, check_possible, quiet
from ferryman.server.backup.filling import Target, fill, open_target
from ferryman.server.backup.manifest import BackupManifest, FileProblem
from ferryman.server.backup.meter import Meter
from ferryman.server.backup.opening import new_database, place_to_read
from ferryman.server.backup.place import BackupPlace
from ferryman.server.backup.squeezing import check, get_squeezed
from ferryman.server.backup.unfinished import UnfinishedMark
from ferryman.server.backup.verifying import Verified, verify
from ferryman.store import clock as clock_store
from ferryman.store import table_copy
from ferryman.store.availability import is_transient, refused, sentence, wait_until_available
from ferryman.store.database import Database, Transaction
from ferryman.store.mariadb.server import EmbeddedMariaDB
from ferryman.store.schema_migration import migrate
from ferryman.wire.base import Wire

_SILENT_SECONDS = 10.0


class RestoreReport(Wire, frozen=True):
    """The result of a restore; ``moment`` is epoch milliseconds.

    ``verified`` is set if verification was asked for. ``left_out_views`` are views of apps'
    databases that read tables or columns which no longer exist.
    """

    place: str
    moment: int
    rows: int
    files: int
    bytes: int
    gone_files: int
    missing_before: int
    databases: int = 0
    left_out_views: list[FileProblem] = []
    verified: Verified | None = None


async def restore(
    settings: Settings, address: str, meter: Meter, *, verified: bool = False
) -> RestoreReport:
    """Restore a backup into the places of these settings, and read every file if ``verified``.

    Raises ``ConfigError`` with nothing changed, and ``OutsideError`` after which it can go on.
    """
    async with place_to_read(address) as place:
        manifest = await manifests.read(place)
        check_possible(settings, manifest)
        for kept in manifest.all_kept:
            await check(place, kept)
        mark = UnfinishedMark(settings, manifest)
        async with open_target(settings) as target:
            with mark.held() as resumed:
                filling, loaded = resumed, False
                try:
                    if not resumed:
                        await target.check_empty()
                    if settings.mariadb_url is not None and manifest.databases:
                        async with _app_copies(settings) as copies:
                            await copies.check_empty(manifest.databases, resumed=resumed)
                    filling = True
                    async with new_database(settings) as url:
                        await _restore(url, place, manifest, target, meter, resumed=resumed)
                        loaded = True
                        left_out = await _restore_sql(
                            url, settings, place, manifest, resumed=resumed
                        )
                except ConfigError as error:
                    # A database that is loaded is not emptied: the same restore goes on from there.
                    if error.code != "data_dir_in_use" and not loaded:
                        if filling:
                            await target.clear()
                        mark.clear_folder()
                    raise
                mark.remove()
        async with quiet(settings):
            proof = await verify(settings, meter, manifest) if verified else None
    return RestoreReport(
        place=address.partition("?")[0],
        moment=manifest.moment,
        rows=sum(table.rows for table in manifest.tables),
        files=manifest.files,
        bytes=manifest.bytes,
        gone_files=len(manifest.gone),
        missing_before=len(manifest.problems),
        databases=len(manifest.databases),
        left_out_views=left_out,
        verified=proof,
    )


async def _restore(
    url: str,
    place: BackupPlace,
    manifest: BackupManifest,
    target: Target,
    meter: Meter,
    *,
    resumed: bool,
) -> None:
    pool = await wait_until_available(url, size=2)
    try:
        database = Database(pool, virtual=True)
        async with database.connection() as connection:
            loaded = not await table_copy.is_empty(connection)
            if loaded and not (resumed and await _is_ours(connection, manifest)):
                raise refusals.backup.DATABASE_NOT_EMPTY()
            with meter(manifest.bytes) as tell:
                filling = asyncio.create_task(fill(place, manifest, target, tell))
                try:
                    if not loaded:
                        await _load(connection, place, manifest, filling)
                    await filling
                finally:
                    filling.cancel()
                    await asyncio.wait([filling])
            await migrate(connection)
            await target.begin_uploads(await table_copy.open_uploads_in_parts(connection))
        async with database.transaction() as tx:
            await _settle(tx, manifest)
        await target.place.flush()
    finally:
        pool.terminate()


@asynccontextmanager
async def _app_copies(settings: Settings) -> AsyncIterator[AppCopies]:
    """Yield what restores databases of apps; stop the server in the data folder afterwards."""
    copies = AppCopies(settings)
    try:
        yield copies
    finally:
        copies.close()
        # Nobody else is in the folder, which may have to be emptied.
        await asyncio.to_thread(EmbeddedMariaDB(settings.data_dir).stop)


async def _restore_sql(
    url: str, settings: Settings, place: BackupPlace, manifest: BackupManifest, *, resumed: bool
) -> list[FileProblem]:
    if not manifest.databases:
        return []
    pool = await wait_until_available(url, size=2)
    try:
        async with _app_copies(settings) as copies:
            return await copies.restore(pool, place, manifest.databases, resumed=resumed)
    finally:
        pool.terminate()


async def _load(
    connection: Any, place: BackupPlace, manifest: BackupManifest, filling: "asyncio.Task[None]"
) -> None:
    """Load all tables in one transaction, which ends when all files are there."""
    try:
        async with connection.transaction():
            async with table_copy.loading(connection, manifest.migrations, manifest.sequences):
                for copied in manifest.tables:
                    if filling.done():
                        await filling  # a damaged file need not wait for all rows
                    table = table_copy.Table(copied.table, copied.columns)
                    rows = get_squeezed(place, copied.kept.name)
                    loaded = await table_copy.load(connection, table, rows)
                    if loaded != copied.rows:
                        found = f"{loaded} rows instead of {copied.rows}"
                        raise refusals.backup.DAMAGED(name=copied.kept.name, found=found)
            while not filling.done():
                # Something between us and the database may cut a connection that is silent.
                await connection.execute("SELECT 1")
                await asyncio.wait([filling], timeout=_SILENT_SECONDS)
            await filling
    except asyncpg.PostgresError as error:
        if is_transient(error) or isinstance(error, asyncpg.InsufficientPrivilegeError):
            raise error if is_transient(error) else refused(error) from error
        raise refusals.backup.DAMAGED(name="the database", found=sentence(error)) from error


async def _is_ours(connection: Any, manifest: BackupManifest) -> bool:
    """Return whether the transaction of a restore that was cut has loaded this very backup."""
    try:
        return await table_copy.born_at(connection) == manifest.born
    except asyncpg.UndefinedTableError:
        return False


async def _settle(tx: Transaction, manifest: BackupManifest) -> None:
    """Say that time stands still for transfers since the moment, and which files are gone."""
    await clock_store.hold(tx, datetime.fromtimestamp(manifest.moment / 1000, UTC))
    await table_copy.end_lost_files(tx, manifest.gone)
