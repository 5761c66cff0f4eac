"""Apply the missing schema steps to a database, in order.

Each one is a transaction that takes the lock and then checks whether the step is still missing. A
killed process leaves neither half a step nor a lock behind, even with a pooler in transaction mode.

A step that waits for a table blocks all who come after it, so it waits for a moment only, lets them
pass, and tries again (ADR 95).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import structlog

from ferryman import refusals
from ferryman.store import history as history_store
from ferryman.store.database import SQL
from ferryman.store.schema_step import schema_step

PATIENCE_SECONDS = 60.0
"""How long to wait for another process to finish one step, or for the tables that it changes."""

LOCK_SECONDS = 1.0
"""How long a step waits for a table at once, and so holds up the calls that come after it."""

LOCK = 7_302_114_900
"""Advisory lock for changing the schema."""

_SILENT_SECONDS = 2.0
"""A longer wait is logged."""

_POLL_SECONDS = 0.1

log = structlog.get_logger("ferryman.database")


async def migrate(connection: Any, *, patience: float = PATIENCE_SECONDS) -> list[str]:
    """Apply the missing steps and return their names; see :func:`steps`."""
    return [name async for name in steps(connection, patience=patience)]


async def steps(
    connection: Any, *, patience: float = PATIENCE_SECONDS, statement_seconds: float = 0
) -> AsyncIterator[str]:
    """Apply the missing steps, and yield the name of each that was committed.

    Each one is a transaction; after a kill, the next call resumes. If nothing is missing, nothing
    is locked. A statement may take ``statement_seconds``; zero: as long as it takes. Raises
    :class:`OutsideError` if another process keeps the lock (``schema_locked``), or a table that the
    step changes (``schema_step_blocked``), for ``patience`` seconds, or a statement takes too long
    (``schema_step_cut_off``), and :class:`ConfigError` for a schema that this build does not know:
    see :func:`history.check`.
    """
    async with connection.transaction():
        missing = await _missing(connection)
    for name in missing:
        try:
            if await _apply(connection, name, patience, statement_seconds):
                yield name
        except asyncpg.QueryCanceledError:
            if not statement_seconds:
                raise
            raise refusals.schema.STEP_CUT_OFF(name=name, seconds=statement_seconds) from None


async def _apply(connection: Any, name: str, patience: float, statement_seconds: float) -> bool:
    """Apply a step; return False if another process did so first."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while True:
        try:
            async with schema_lock(connection, patience=patience):
                await SQL.create_schema_history(connection)
                if name not in await _missing(connection):
                    return False
                await SQL.limit_schema_step(
                    connection, lock=f"{LOCK_SECONDS}s", statement=f"{statement_seconds}s"
                )
                await connection.execute(history_store.MIGRATIONS[name].read_text())
                await SQL.note_migration(connection, name=name)
                return True
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            await _wait_for_tables(connection, name, loop.time() - began, patience)


async def _wait_for_tables(connection: Any, name: str, waited: float, patience: float) -> None:
    """Let others pass before the next try; raises ``schema_step_blocked`` after ``patience``."""
    tables = ["schema_history", *(effect.table for effect in schema_step(name).effects)]
    holder = await SQL.schema_step_blocker(connection, tables=tables)
    if waited >= patience and holder is not None:
        raise refusals.schema.STEP_BLOCKED(
            name=name,
            table=holder["relname"],
            seconds=patience,
            pid=holder["pid"],
            application=holder["application_name"],
            client=_client(holder),
            state=holder["state"],
        )
    log.warning(
        "schema.blocked",
        step=name,
        table=None if holder is None else holder["relname"],
        pid=None if holder is None else holder["pid"],
        seconds=patience,
    )
    await asyncio.sleep(LOCK_SECONDS)


@asynccontextmanager
async def schema_lock(connection: Any, *, patience: float) -> AsyncIterator[None]:
    """Run the block in a transaction that holds the lock for schema changes.

    Raises :class:`OutsideError` (``schema_locked``), naming the holder, after ``patience`` seconds.
    No transaction is open between two tries.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    logged = False
    while True:
        async with connection.transaction():
            if await SQL.try_lock_schema(connection, key=LOCK):
                yield
                return
            holder = await SQL.schema_lock_holder(connection, key=LOCK)
        waited = loop.time() - began
        if holder is not None and waited >= patience:
            raise refusals.schema.LOCKED(
                seconds=patience,
                pid=holder["pid"],
                application=holder["application_name"],
                client=_client(holder),
                state=holder["state"],
            )
        if holder is not None and waited >= _SILENT_SECONDS and not logged:
            logged = True
            log.warning(
                "schema.waits",
                pid=holder["pid"],
                application=holder["application_name"],
                client=_client(holder),
                seconds=patience,
            )
        await asyncio.sleep(_POLL_SECONDS)


async def _missing(connection: Any) -> list[str]:
    history = await history_store.read(connection)
    history_store.check(history)
    return history.missing


def _client(holder: Any) -> str:
    """Describe where a session comes from; behind a pooler, that is the pooler's address."""
    return "on a local socket" if holder["client_addr"] is None else str(holder["client_addr"])
