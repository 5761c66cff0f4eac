"""The databases of apps on a MariaDB, each with an account that sees nothing else.

Everything here blocks, so it runs on threads of its own.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar
from weakref import WeakValueDictionary

import pymysql
from pymysql.cursors import Cursor

from ferryman import refusals
from ferryman.domain.sql import SqlStatement
from ferryman.store.mariadb.address import Address
from ferryman.store.mariadb.client import (
    UNKNOWN_HERE,
    SqlAnswer,
    StatementFailed,
    connect,
    failure,
    is_away,
    run,
)
from ferryman.store.mariadb.server import EmbeddedMariaDB
from ferryman.store.mariadb.values import Value, quoted

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
_TABLES = (
    "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{database}' "
    "AND TABLE_TYPE = 'BASE TABLE'"
)
_PAGE = "AND BINARY TABLE_NAME > {after} ORDER BY BINARY TABLE_NAME LIMIT {size}"
_COUNT_SECONDS = 2


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

        def work(server: Address) -> SqlAnswer:
            app = server.of_app(database, _password(secret, database))
            try:
                return run(app, statement, values, now=now, greatest=greatest)
            except pymysql.err.MySQLError as error:
                if error.args and error.args[0] in UNKNOWN_HERE:
                    raise DatabaseMissing from error
                raise

        # The app's own turns, so that slow statements of one take no thread from another's.
        turns = self._turns.setdefault(database, asyncio.Semaphore(_AT_ONCE))
        async with turns:
            return await self._on_thread(work)

    async def reach(self) -> None:
        """Start the server if it does not run; refuse one that does not answer."""
        await self._administer("SELECT 1")

    async def make(self, database: str, secret: bytes) -> None:
        """Make a database and its account, unless they are there.

        Others may do so at once, or use them already: at no moment does an account that was made
        lack its rights.
        """
        account, password = f"'{database}'@'%'", _password(secret, database)
        await self._administer(
            f"CREATE DATABASE IF NOT EXISTS `{database}` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
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

    async def tables(self, database: str, *, after: str, size: int) -> list[tuple[str, int | None]]:
        """Return up to ``size`` tables by name, with their rows; None if counting takes long."""
        query = (
            f"{_TABLES.format(database=database)} {_PAGE.format(after=quoted(after), size=size)}"
        )

        def work(server: Address) -> list[tuple[str, int | None]]:
            with connect(server) as session, session.cursor() as cursor:
                cursor.execute(f"SET SESSION max_statement_time = {_COUNT_SECONDS}")
                cursor.execute(query)
                names = [name for [name] in cursor.fetchall()]
                return [(name, _count(cursor, database, name)) for name in names]

        return await self._on_thread(work)

    def close(self) -> None:
        """End the threads, of which none waits for anything any more; start no server."""
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
                raise _refused(error) from error
        self._address = self._find()
        try:
            return work(self._address)
        except pymysql.err.MySQLError as error:
            raise _refused(error) from error

    def _find(self) -> Address:
        if self._url is not None:
            return Address.parse(self._url)
        if self._data_dir is None:
            raise refusals.sql.NO_ADDRESS()
        if self._closed:
            raise refusals.sql.UNAVAILABLE(found="a platform that stops")
        return EmbeddedMariaDB(self._data_dir).start(unless=lambda: self._closed)


def _refused(error: pymysql.err.MySQLError) -> Exception:
    """Return why the platform itself could not work on the server."""
    why = failure(error)
    return refusals.sql.REFUSED(name=why.name) if isinstance(why, StatementFailed) else why


def _count(cursor: Cursor, database: str, name: str) -> int | None:
    table = name.replace("`", "``")
    try:
        cursor.execute(f"SELECT COUNT(*) FROM `{database}`.`{table}`")  # noqa: S608 - it is quoted
        return int(cursor.fetchall()[0][0])
    except pymysql.err.MySQLError:  # it takes too long, or was dropped meanwhile
        return None


def _password(secret: bytes, database: str) -> str:
    """Return the password of a database's account, which is stored nowhere."""
    return hmac.new(secret, database.encode(), "sha256").hexdigest()
