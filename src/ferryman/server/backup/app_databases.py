"""The SQL databases of apps in a backup: each as of one moment, proven when restored (ADR 113)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from hashlib import sha256
from typing import Any, TypeVar

from ferryman import refusals
from ferryman.config import Settings
from ferryman.errors import ConfigError
from ferryman.secret_box import SecretBox
from ferryman.server.backup.manifest import BackupManifest, DatabaseCopy, FileProblem, Kept
from ferryman.server.backup.place import BackupPlace
from ferryman.server.backup.squeezing import Write, get_squeezed, put_squeezed
from ferryman.server.serve import sole_owner
from ferryman.services import sql as sql_service
from ferryman.store import app_sql as app_sql_store
from ferryman.store.database import Database
from ferryman.store.key_value import AppSite
from ferryman.store.mariadb import database_copy, programs
from ferryman.store.mariadb.client import StatementFailed
from ferryman.store.mariadb.database_filling import MARK, Unreadable
from ferryman.store.mariadb.databases import AppDatabases
from ferryman.store.mariadb.server import EmbeddedMariaDB

T = TypeVar("T")

_TRIES = 5
"""How often a database is read again if its tables are altered in the meantime."""


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
        """Copy the databases that a platform's database names.

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

    async def check_empty(self, copies: Sequence[DatabaseCopy], *, resumed: bool) -> None:
        """Refuse a MariaDB that has one of the databases (``restore_sql_not_empty``).

        It may be that of a running platform. A restore that is ``resumed`` may have finished some.
        """
        for copied in copies:
            await self._is_whole(copied, resumed=resumed)

    async def restore(
        self, pool: Any, place: BackupPlace, copies: Sequence[DatabaseCopy], *, resumed: bool
    ) -> list[FileProblem]:
        """Make them again; return the views that are left out, as they read what is not there.

        Those that a cut restore has finished are left alone. Raises ``OutsideError``
        (``restore_sql_refused``), ``ConfigError`` (``backup_damaged``), and what ``check_empty``
        does; then none that was made here is left.
        """
        secret = await sql_service.secret_in(Database(pool, virtual=True, secrets=self._box))
        made: list[str] = []
        left_out: list[FileProblem] = []
        try:
            for copied in copies:
                if await self._is_whole(copied, resumed=resumed):
                    continue
                await self._servers.drop([copied.name])
                made.append(copied.name)
                await self._servers.make(copied.name, secret, comment=MARK)
                left_out += await self._fill(place, copied, secret)
        except ConfigError:
            await self._servers.drop(made)
            raise
        return left_out

    async def verify(self, copies: Sequence[DatabaseCopy]) -> list[FileProblem]:
        """Read all databases again, and return those that differ from their copies."""
        return [
            FileProblem(key=f"SQL database of {copied.site}", found="other tables or rows")
            for copied in copies
            if await self._digest(copied.name) != copied.sha256
        ]

    async def _is_whole(self, copied: DatabaseCopy, *, resumed: bool) -> bool:
        """Return whether a database is there whole; False if it is not, or was begun."""
        if await self._servers.comment(copied.name) in (None, MARK):
            return False
        if not resumed or await self._digest(copied.name) != copied.sha256:
            raise refusals.backup.SQL_NOT_EMPTY(site=copied.site)
        return True

    async def _copy(
        self, place: BackupPlace, file: str, where: AppSite, secret: bytes
    ) -> DatabaseCopy:
        name = sql_service.name_of(secret, where)

        async def dump(write: Write) -> _Digest:
            return await self._read(name, write)

        async def put() -> tuple[_Digest, Kept]:
            return await put_squeezed(place, file, dump)

        digest, kept = await _unaltered(put)
        return DatabaseCopy(
            name=name, site=where.site, rows=digest.rows, sha256=digest.hexdigest(), kept=kept
        )

    async def _fill(
        self, place: BackupPlace, copied: DatabaseCopy, secret: bytes
    ) -> list[FileProblem]:
        filling = await self._servers.filling(copied.name, secret)
        try:
            rest = b""
            async for chunk in get_squeezed(place, copied.kept.name):
                *lines, rest = (rest + chunk).split(b"\n")
                await asyncio.to_thread(filling.add, lines)
            if rest:
                raise Unreadable("a line that is cut")
            dead = await asyncio.to_thread(filling.end)
        except StatementFailed as failed:
            raise refusals.backup.SQL_REFUSED(site=copied.site, name=failed.name) from failed
        except Unreadable as error:
            raise refusals.backup.DAMAGED(name=copied.kept.name, found=str(error)) from error
        finally:
            await asyncio.to_thread(filling.close)
        key = f"SQL database of {copied.site}"
        return [FileProblem(key=key, found=f"view {view} reads what is not there") for view in dead]

    async def _digest(self, name: str) -> str:
        async def read() -> _Digest:
            return await self._read(name, _ignore)

        return (await _unaltered(read)).hexdigest()

    async def _read(self, name: str, write: Write) -> "_Digest":
        digest = _Digest()
        async with aclosing(self._servers.lines(name)) as found:
            async for lines in found:
                await asyncio.to_thread(digest.feed, lines)
                await write(b"".join(lines))
        return digest


async def _unaltered(read: Callable[[], Awaitable[T]]) -> T:
    """Read a database again if a table was altered meanwhile.

    Raises ``OutsideError`` (``sql_server_unavailable``) if that happens again and again.
    """
    for _ in range(_TRIES):
        with suppress(database_copy.Altered):
            return await read()
    raise refusals.sql.UNAVAILABLE(found="tables that are altered again and again")


async def _ignore(_chunk: bytes) -> None:
    """Drop everything that is read."""


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
