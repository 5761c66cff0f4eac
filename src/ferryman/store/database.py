"""Connections and transactions: one use case is one transaction, with one ``now``."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any

import aiosql
import asyncpg

from ferryman.clock import platform_now
from ferryman.errors import OutsideError
from ferryman.store.adapter import ConnectionAdapter
from ferryman.store.servers import Servers
from ferryman.store.session import clear

_ADAPTER: Any = ConnectionAdapter

SQL: Any = aiosql.from_path(
    str(files("ferryman.store") / "sql"), _ADAPTER, mandatory_parameters=False
)
"""Every statement, by the name it has in its ``.sql`` file."""

CONNECTION_LOST = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that broke while something was under way on it
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.ReadOnlySQLTransactionError,  # a server that is the primary no more, or not yet
)
"""Not our mistake: there is no server, or another one than a moment ago."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """An open transaction and the platform time at which it began."""

    connection: Any
    now: datetime
    frozen: bool = False
    """Whether time stands still until somebody moves it."""


class Database:
    """A pool of connections that survives the loss of the server behind it."""

    def __init__(self, pool: Any, *, virtual: bool) -> None:
        self.pool = pool
        self.virtual = virtual

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Begin, and commit unless the block raises.

        Raises :class:`OutsideError` ``database_unavailable`` when the connection was lost: the
        work is then undone, or done in full if it was lost while committing.
        """
        with _outside():
            async with self.pool.acquire() as connection, connection.transaction():
                try:
                    yield await self._at(connection)
                except asyncpg.ReadOnlySQLTransactionError:
                    connection.terminate()  # the next one leads to whoever is the primary
                    raise

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Transaction]:
        """For statements that only read: as :meth:`transaction`, without BEGIN and COMMIT.

        Each statement sees what is committed when it runs, in a transaction of ours as well, so
        what these two trips to the server would buy is nothing.
        """
        with _outside():
            async with self.pool.acquire() as connection:
                try:
                    yield await self._at(connection)
                except asyncpg.ReadOnlySQLTransactionError:
                    connection.terminate()  # as in a transaction
                    raise

    def statement(self) -> AbstractAsyncContextManager[Transaction]:
        """For one statement that writes: it is a transaction by itself, without those trips."""
        return self.reading()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """A connection of the pool, outside of any transaction; raises as that does.

        What the block leaves on it, such as a lock, ends with the block.
        """
        with _outside():
            async with self.pool.acquire() as connection:
                try:
                    yield connection
                    await clear(connection)
                except BaseException:
                    connection.terminate()
                    raise

    async def now(self) -> datetime:
        """Platform time."""
        if not self.virtual:
            return platform_now(timedelta(0))
        with _outside():
            async with self.pool.acquire() as connection:
                return (await self._at(connection)).now

    async def _at(self, connection: Any) -> Transaction:
        if not self.virtual:
            return Transaction(connection, platform_now(timedelta(0)))
        row = await SQL.read_clock(connection)
        now = platform_now(row["time_offset"], row["frozen_at"])
        return Transaction(connection, now, row["frozen_at"] is not None)


class _outside:  # noqa: N801 - reads as a statement
    """Turn a lost connection into the platform's own error; leave everything else alone."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _type: object, exc: BaseException | None, _trace: object) -> None:
        if isinstance(exc, CONNECTION_LOST):
            raise OutsideError(
                "database_unavailable",
                expected="an answer from PostgreSQL",
                found=type(exc).__name__,
                fix="Try again shortly; the platform reconnects by itself.",
            ) from exc


async def open_pool(url: str, *, size: int) -> Any:
    """Connect to ``url``; raises what asyncpg raises when nothing answers there."""
    return await asyncpg.create_pool(
        url,
        connect=Servers(url).connect,
        min_size=1,
        max_size=size,
        reset=_keep,
    )


async def _keep(_connection: Any) -> None:
    """Leave a connection as it is when it comes back: transactions leave nothing on it.

    The pool would ask the server to reset the session, one trip more for every transaction.
    """


async def connect(url: str) -> Any:
    """One connection for its own use, such as listening; to be ended by ``terminate``."""
    return await Servers(url).connect()
