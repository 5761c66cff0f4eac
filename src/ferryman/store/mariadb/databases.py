"""The databases of apps on a MariaDB, each with an account that sees nothing else.

Everything here blocks, so it runs on its own threads.
"""

import asyncio
import hmac
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar
from weakref import WeakValueDictionary

import pymysql

from ferryman import refusals
from ferryman.domain.sql import SqlStatement
from ferryman.store.mariadb import database_copy, row_loading, table_rows
from ferryman.store.mariadb.address import Address
from ferryman.store.mariadb.client import (
    UNKNOWN_HERE,
    SqlAnswer,
    connect,
    is_away,
    refused,
    run,
)
from ferryman.store.mariadb.database_filling import Filling
from ferryman.store.mariadb.row_loading import RowsLoaded
from ferryman.store.mariadb.table_rows import AppTable, RowsWanted, TableRow
from ferryman.store.mariadb.values import Value

T = TypeVar("T")

_THREADS = 24
_AT_ONCE = 8
"""Statements of one database that run at once, while others wait for their turn."""

_RIGHTS = (
    "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, CREATE VIEW, SHOW VIEW, "
    "CREATE TEMPORARY TABLES"
)
_USAGE = (
    "SELECT (SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{database}'), "
    "(SELECT COALESCE(SUM(FILE_SIZE), 0) FROM information_schema.INNODB_SYS_TABLESPACES "
    "WHERE NAME LIKE '{database}/%')"
)


class DatabaseMissing(Exception):
    """The database was not made yet, or was dropped."""


class AppDatabases:
    """The MariaDB of a platform: at ``url``, else in ``data_dir``, where it starts when needed."""

    def __init__(self, url: str | None, data_dir: Path | None) -> None:
        self._url = url
        self._data_dir = data_dir
        self._address: Address | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._closed = False
        self._secret: bytes | None = None
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def secret(self, read: Callable[[], Awaitable[bytes]]) -> bytes:
        """Return what names and passwords are made from, which is read once."""
        if self._secret is None:
            self._secret = await read()
        return self._secret

    def begin(self) -> None:
        """Start the server of the data folder in the background, for apps that will call it.

        Where it can't, their first call says why.
        """
        if self._url is None and self._data_dir is not None:
            self._executor().submit(self._with_server, lambda _: None)

    async def run(
        self,
        database: str,
        secret: bytes,
        statement: SqlStatement,
        values: Sequence[Value],
        *,
        now: float | None,
        greatest: int,
    ) -> SqlAnswer:
        """Execute a statement of an app.

        Raises :class:`DatabaseMissing` besides what :func:`run` raises.
        """

        return await self._as_app(
            database,
            secret,
            lambda app: run(app, statement, values, now=now, greatest=greatest),
        )

    async def reach(self) -> None:
        """Start the server if it does not run; refuse one that does not answer."""
        await self._administer("SELECT 1")

    async def make(self, database: str, secret: bytes, comment: str = "") -> None:
        """Make a database and its account, unless they are there.

        Others may do so at once, or use them already: at no moment does an account that was made
        lack its rights.
        """
        account, password = f"'{database}'@'%'", _password(secret, database)
        await self._administer(
            f"CREATE DATABASE IF NOT EXISTS `{database}` CHARACTER SET utf8mb4 "
            f"COLLATE utf8mb4_bin COMMENT '{comment}'",
            f"CREATE USER IF NOT EXISTS {account} IDENTIFIED BY '{password}'",
            f"ALTER USER {account} IDENTIFIED BY '{password}'",
            f"GRANT {_RIGHTS} ON `{database}`.* TO {account}",
        )

    async def drop(self, databases: Sequence[str]) -> None:
        """Drop databases and their accounts, if they are there."""
        for database in databases:
            await self._administer(
                f"DROP USER IF EXISTS '{database}'@'%'", f"DROP DATABASE IF EXISTS `{database}`"
            )

    async def usage(self, database: str) -> tuple[int, int]:
        """Return how many tables a database has, and the bytes that it takes on disk."""
        [[tables, size]] = await self._administer(_USAGE.format(database=database))
        return int(tables), int(size)

    async def tables(self, database: str, *, after: tuple[bool, str], size: int) -> list[AppTable]:
        """Return up to ``size`` tables by name, then views."""
        return await self._on_thread(
            lambda server: table_rows.tables(server, database, after=after, size=size)
        )

    async def columns(self, database: str, table: str) -> list[str]:
        """Return the columns of a table that can be set; none if there is no such table."""
        return await self._on_thread(lambda server: table_rows.columns(server, database, table))

    async def rows(self, database: str, wanted: RowsWanted) -> tuple[list[TableRow], bool]:
        """Return a page of rows by table and primary key, and whether there may be more."""
        return await self._on_thread(lambda server: table_rows.rows(server, database, wanted))

    async def put(self, database: str, secret: bytes, loaded: RowsLoaded) -> None:
        """Replace or add rows, all of them or none, as the app's account.

        Raises :class:`StatementFailed` and :class:`DatabaseMissing`.
        """
        await self._as_app(
            database,
            secret,
            lambda app: row_loading.put(app, loaded),
        )

    async def lines(self, database: str) -> AsyncGenerator[list[bytes], None]:
        """Yield all lines of a database, some at a time, as of one moment."""
        server = await self._on_thread(lambda server: server)
        found = database_copy.lines(server, database)
        try:
            while some := await asyncio.to_thread(database_copy.some, found):
                yield some
        finally:
            await asyncio.to_thread(found.close)

    async def comment(self, database: str) -> str | None:
        """Return the comment of a database; None if it is not there."""
        return await self._on_thread(lambda server: database_copy.comment(server, database))

    async def filling(self, database: str, secret: bytes) -> Filling:
        """Return what makes an empty database again."""
        return await self._as_app(database, secret, Filling)

    def close(self) -> None:
        """End the threads, none of which has work left; start no server."""
        self._closed = True
        if self._threads is not None:
            self._threads.shutdown(wait=False)

    async def _administer(self, *statements: str) -> Sequence[Sequence[str]]:
        """Execute statements as the platform; return the rows of the last one."""

        def work(server: Address) -> Sequence[Sequence[str]]:
            with connect(server) as session, session.cursor() as cursor:
                for text in statements:
                    cursor.execute(text)
                return list(cursor.fetchall())

        return await self._on_thread(work)

    async def _as_app(self, database: str, secret: bytes, do: Callable[[Address], T]) -> T:
        """Do work as the account of an app."""

        def work(server: Address) -> T:
            try:
                return do(server.of_app(database, _password(secret, database)))
            except pymysql.err.MySQLError as error:
                if error.args and error.args[0] in UNKNOWN_HERE:
                    raise DatabaseMissing from error
                raise

        # The app's own turns, so that slow statements of one take no thread from another's.
        turns = self._turns.setdefault(database, asyncio.Semaphore(_AT_ONCE))
        async with turns:
            return await self._on_thread(work)

    async def _on_thread(self, work: Callable[[Address], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor(), self._with_server, work)

    def _executor(self) -> ThreadPoolExecutor:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="app-sql")
        return self._threads

    def _with_server(self, work: Callable[[Address], T]) -> T:
        """Do work on the server; start it if it does not run."""
        address = self._address
        try:
            if address is not None:
                return work(address)
        except pymysql.err.MySQLError as error:
            if self._url is not None or not is_away(error):
                raise refused(error) from error
        self._address = self._find()
        try:
            return work(self._address)
        except pymysql.err.MySQLError as error:
            raise refused(error) from error

    def _find(self) -> Address:
        if self._url is not None:
            return Address.parse(self._url)
        if self._data_dir is None:
            raise refusals.sql.NO_ADDRESS()
        if self._closed:
            raise refusals.sql.UNAVAILABLE(found="a platform that stops")
        # Imported only if needed: most processes start no server.
        from ferryman.store.mariadb.server import EmbeddedMariaDB

        return EmbeddedMariaDB(self._data_dir).start(unless=lambda: self._closed)


def _password(secret: bytes, database: str) -> str:
    """Return the password of a database's account, which is stored nowhere."""
    return hmac.new(secret, database.encode(), "sha256").hexdigest()
