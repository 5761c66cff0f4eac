"""The SQL databases of apps in a backup: each as of one moment, proven when restored (ADR 113)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from hashlib import sha256
from typing import Any

from ferryman import refusals
from ferryman.config import Settings
from ferryman.errors import ConfigError
from ferryman.secret_box import SecretBox
from ferryman.server.backup.manifest import BackupManifest, DatabaseCopy, FileProblem
from ferryman.server.backup.place import BackupPlace
from ferryman.server.backup.squeezing import Write, get_squeezed, put_squeezed
from ferryman.server.serve import sole_owner
from ferryman.services import sql as sql_service
from ferryman.store import app_sql as app_sql_store
from ferryman.store.database import Database
from ferryman.store.key_value import AppSite
from ferryman.store.mariadb import database_copy, programs
from ferryman.store.mariadb.client import StatementFailed
from ferryman.store.mariadb.databases import AppDatabases
from ferryman.store.mariadb.server import EmbeddedMariaDB


def check_possible(settings: Settings, manifest: BackupManifest) -> None:
    """Refuse to restore databases where there is no MariaDB, before anything is made.

    Raises ``OutsideError`` (``sql_server_missing``, ``sql_server_unset``).
    """
    if not manifest.databases or settings.mariadb_url is not None:
        return
    if settings.object_store:
        raise refusals.sql.NO_ADDRESS()
    if not programs.installed():
        raise refusals.sql.NOT_INSTALLED(program="mariadbd")


@asynccontextmanager
async def quiet(settings: Settings) -> AsyncIterator[None]:
    """Stop the MariaDB of the data folder afterwards, unless it ran before."""
    folder = settings.data_dir
    before = await asyncio.to_thread(EmbeddedMariaDB(folder).runs)
    try:
        yield
    finally:
        if not before:
            # A platform that runs meanwhile has its own use of it.
            with suppress(ConfigError, OSError), sole_owner(folder):
                await asyncio.to_thread(EmbeddedMariaDB(folder).stop)


class AppCopies:
    """Copies the databases of a platform's apps, and makes them again."""

    def __init__(self, settings: Settings) -> None:
        self._box = SecretBox.of(settings.secret_key, settings.secret_key_file)
        folder = None if settings.object_store else settings.data_dir
        self._servers = AppDatabases(settings.mariadb_url, folder)

    def close(self) -> None:
        """End what reads and writes them."""
        self._servers.close()

    async def copy(self, pool: Any, place: BackupPlace, folder: str) -> list[DatabaseCopy]:
        """Copy those that a platform's database names.

        Raises ``OutsideError`` where there is no MariaDB.
        """
        database = Database(pool, virtual=True, secrets=self._box)
        async with database.reading() as tx:
            sites = await app_sql_store.every(tx)
        if not sites:
            return []
        await self._servers.reach()
        secret = await sql_service.secret_in(database)
        return [
            await self._copy(place, f"{folder}sql{number}.gz", where, secret)
            for number, where in enumerate(sites)
        ]

    async def check_empty(self, copies: Sequence[DatabaseCopy]) -> None:
        """Refuse a MariaDB that has one of them with other contents (``restore_sql_not_empty``)."""
        for copied in copies:
            await self._is_whole(copied)

    async def restore(self, pool: Any, place: BackupPlace, copies: Sequence[DatabaseCopy]) -> None:
        """Make them again; those that a cut restore has finished are left alone.

        Raises ``OutsideError`` (``restore_sql_refused``), and what ``check_empty`` does.
        """
        secret = await sql_service.secret_in(Database(pool, virtual=True, secrets=self._box))
        for copied in copies:
            if await self._is_whole(copied):
                continue
            await self._servers.drop([copied.name])
            await self._servers.make(copied.name, secret)
            await self._fill(place, copied, secret)

    async def verify(self, copies: Sequence[DatabaseCopy]) -> list[FileProblem]:
        """Read all of them, and return those that are not as they were copied."""
        return [
            FileProblem(key=f"SQL database of {copied.site}", found="other tables or rows")
            for copied in copies
            if await self._digest(copied.name) != copied.sha256
        ]

    async def _is_whole(self, copied: DatabaseCopy) -> bool:
        """Return whether a database is there whole; False if it is not, or was begun."""
        found = await self._servers.names(copied.name)
        if not found or database_copy.is_begun(found):
            return False
        if await self._digest(copied.name) != copied.sha256:
            raise refusals.backup.SQL_NOT_EMPTY(site=copied.site)
        return True

    async def _copy(
        self, place: BackupPlace, file: str, where: AppSite, secret: bytes
    ) -> DatabaseCopy:
        name = sql_service.name_of(secret, where)
        digest = _Digest()

        async def dump(write: Write) -> None:
            async with aclosing(self._servers.lines(name)) as found:
                async for lines in found:
                    await asyncio.to_thread(digest.feed, lines)
                    await write(b"".join(lines))

        _, kept = await put_squeezed(place, file, dump)
        return DatabaseCopy(
            name=name, site=where.site, rows=digest.rows, sha256=digest.hexdigest(), kept=kept
        )

    async def _fill(self, place: BackupPlace, copied: DatabaseCopy, secret: bytes) -> None:
        filling = await self._servers.filling(copied.name, secret)
        try:
            rest = b""
            async for chunk in get_squeezed(place, copied.kept.name):
                *lines, rest = (rest + chunk).split(b"\n")
                await asyncio.to_thread(filling.add, lines)
            await asyncio.to_thread(filling.end)
        except StatementFailed as failed:
            raise refusals.backup.SQL_REFUSED(site=copied.site, name=failed.name) from failed
        finally:
            await asyncio.to_thread(filling.close)

    async def _digest(self, name: str) -> str:
        digest = _Digest()
        async with aclosing(self._servers.lines(name)) as found:
            async for lines in found:
                await asyncio.to_thread(digest.feed, lines)
        return digest.hexdigest()


class _Digest:
    """The digest of tables and rows; a view is written as its server likes it."""

    def __init__(self) -> None:
        self._hash = sha256()
        self.rows = 0

    def feed(self, lines: Sequence[bytes]) -> None:
        for line in lines:
            if not database_copy.is_view(line):
                self._hash.update(line)
            self.rows += line.startswith(b"[")

    def hexdigest(self) -> str:
        return self._hash.hexdigest()
