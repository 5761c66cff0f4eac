"""Connections and transactions: one use case is one transaction with one ``now``."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import asyncpg

from ferryman import refusals
from ferryman.clock import platform_now
from ferryman.secret_box import PLAIN, SecretBox
from ferryman.store.servers import Servers
from ferryman.store.session import clear
from ferryman.store.statements import load
from ferryman.store.turns import Turns

if TYPE_CHECKING:
    from ferryman.store.signatures import Statements

ACQUIRE_SECONDS = 10.0
"""How long to wait for a connection of the pool."""

STATEMENTS = load(files("ferryman.store") / "sql")

SQL = cast("Statements", SimpleNamespace(**STATEMENTS))
"""Every statement, by its name in the ``.sql`` file."""

CONNECTION_LOST = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the connection broke in the middle of an operation
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.ReadOnlySQLTransactionError,  # the server is no longer, or not yet, the primary
)
"""Errors that mean the server went away or was replaced, not that we made a mistake."""

_UPGRADED = (asyncpg.InvalidCachedStatementError, asyncpg.DeadlockDetectedError)
"""Errors of a transaction that a schema step was in the way of; the next one goes through.

A session's first statement on a table that has a column more fails if its plan is older.
"""


@dataclass(frozen=True, slots=True)
class Transaction:
    """An open transaction and the platform time at which it began."""

    connection: Any
    now: datetime
    frozen: bool = False
    """Whether the platform clock is frozen, so that it moves only when told to."""
    secrets: SecretBox = PLAIN
    """Seals secrets before they are stored, and opens those that are read."""


class Database:
    """A connection pool that survives the loss of its server."""

    def __init__(self, pool: Any, *, virtual: bool, secrets: SecretBox = PLAIN) -> None:
        self.pool = pool
        self._turns = Turns(pool.get_max_size())
        self.virtual = virtual
        self._secrets = secrets

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Run the block in a transaction that commits unless the block raises.

        Raises :class:`OutsideError` (``database_unavailable``) if the connection is lost, or a
        schema step was in the way. The work is then rolled back, or fully committed if the
        connection was lost during COMMIT.
        """
        with _outside():
            async with self._lent() as connection, connection.transaction():
                try:
                    yield await self._at(connection)
                except asyncpg.ReadOnlySQLTransactionError:
                    connection.terminate()  # so that the next connection goes to the new primary
                    raise

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Transaction]:
        """Run statements that each commit alone, like :meth:`transaction` without BEGIN and COMMIT.

        Under READ COMMITTED each statement sees the latest commit either way, so BEGIN and COMMIT
        would add two round trips for no benefit.
        """
        with _outside():
            async with self._lent() as connection:
                try:
                    yield await self._at(connection)
                except asyncpg.ReadOnlySQLTransactionError:
                    connection.terminate()  # as in a transaction
                    raise

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Transaction]:
        """Read in a transaction whose statements all see the same commits; none may write."""
        with _outside():
            async with (
                self._lent() as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                yield await self._at(connection)

    def statement(self) -> AbstractAsyncContextManager[Transaction]:
        """Run one writing statement, which is a transaction by itself, without BEGIN and COMMIT."""
        return self.reading()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """Lend a pooled connection outside of any transaction; raises as :meth:`transaction` does.

        Session state the block leaves behind, such as a lock, is cleared afterwards.
        """
        with _outside():
            async with self._lent() as connection:
                try:
                    yield connection
                    await clear(connection)
                except BaseException:
                    connection.terminate()
                    raise

    async def later(self, tx: Transaction) -> Transaction:
        """Return a transaction with the platform time of now, after it waited for a lock."""
        return await self._at(tx.connection)

    async def now(self) -> datetime:
        """Return the platform time."""
        if not self.virtual:
            return platform_now(timedelta(0))
        with _outside():
            async with self._lent() as connection:
                return (await self._at(connection)).now

    @asynccontextmanager
    async def _lent(self) -> AsyncIterator[Any]:
        """Lend a connection; raises ``database_busy`` if all are in use for too long."""
        try:
            await self._turns.take(ACQUIRE_SECONDS)
        except TimeoutError:
            size = self.pool.get_max_size()
            if self.pool.get_size() < size:
                raise  # it is the server that does not answer
            raise refusals.database.BUSY(seconds=ACQUIRE_SECONDS, size=size) from None
        try:
            # With a turn there is a connection, unless one has to be made. The pool's own limit
            # would start a task for each.
            async with asyncio.timeout(ACQUIRE_SECONDS):
                connection = await self.pool.acquire()
            try:
                yield connection
            finally:
                await _give_back(connection)
        finally:
            self._turns.give()

    async def _at(self, connection: Any) -> Transaction:
        if not self.virtual:
            return Transaction(connection, platform_now(timedelta(0)), secrets=self._secrets)
        row = await SQL.read_clock(connection)
        now = platform_now(row["time_offset"], row["frozen_at"])
        return Transaction(connection, now, row["frozen_at"] is not None, self._secrets)


class _outside:  # noqa: N801 - reads as a statement
    """Turn what another try gets past into the platform's own error; pass on all else."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _type: object, exc: BaseException | None, _trace: object) -> None:
        if isinstance(exc, asyncpg.DiskFullError):
            raise refusals.database.DISK_FULL() from exc
        if isinstance(exc, asyncpg.QueryCanceledError):
            raise refusals.database.SLOW() from exc
        if isinstance(exc, CONNECTION_LOST + _UPGRADED):
            raise refusals.database.UNAVAILABLE(found=type(exc).__name__) from exc


async def open_pool(url: str, *, size: int) -> Any:
    """Connect to ``url`` and return a pool; raises asyncpg's errors if nothing answers."""
    return await asyncpg.create_pool(
        url,
        connect=Servers(url).connect,
        min_size=1,
        max_size=size,
        reset=_keep,
    )


async def _give_back(connection: Any) -> None:
    """Release a connection to its pool as the pool does, but not in a task of its own.

    The pool starts one so that a cancelled caller does not stop it, though there is rarely anything
    to wait for. If there is, and the caller is cancelled, the connection is terminated.
    """
    own, holder = connection._con, connection._holder  # noqa: SLF001 - no other way is offered
    if own is not None:
        own._on_release()  # noqa: SLF001
        await holder.release(ACQUIRE_SECONDS)


async def _keep(_connection: Any) -> None:
    """Return a connection to the pool as it is: our transactions leave no session state.

    By default the pool resets the session, one extra round trip per transaction.
    """


async def connect(url: str) -> Any:
    """Return a dedicated connection, for example to listen on; close it with ``terminate``."""
    return await Servers(url).connect()
