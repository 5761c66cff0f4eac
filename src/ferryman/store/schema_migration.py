"""Apply the missing migrations to a database, in order.

Each one is a transaction that takes the lock and then checks whether the migration is still
missing. A killed process leaves neither half a migration nor a lock behind, even with a pooler in
transaction mode.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog

from ferryman import refusals
from ferryman.store import history as history_store
from ferryman.store.database import SQL

PATIENCE_SECONDS = 60.0
"""How long to wait for another process to finish one migration."""

LOCK = 7_302_114_900
"""Advisory lock for changing the schema."""

_SILENT_SECONDS = 2.0
"""A longer wait is logged."""

_LOOK_SECONDS = 0.1

log = structlog.get_logger("ferryman.database")


async def migrate(connection: Any, *, patience: float = PATIENCE_SECONDS) -> list[str]:
    """Apply the missing migrations and return their names.

    Each one is a transaction; after a kill, the next call resumes. If nothing is missing, nothing
    is locked. Raises :class:`OutsideError` (``schema_locked``) if another process keeps the lock
    for ``patience`` seconds, and :class:`ConfigError` for a schema that this build does not know:
    see :func:`history.check`.
    """
    async with connection.transaction():
        missing = await _missing(connection)
    applied = []
    for name in missing:
        async with schema_lock(connection, patience=patience):
            await SQL.create_schema_history(connection)
            if name in await _missing(connection):
                # A migration may take longer than other statements are allowed to.
                await connection.execute("SET LOCAL statement_timeout = 0")
                await connection.execute(history_store.MIGRATIONS[name].read_text())
                await SQL.note_migration(connection, name=name)
                applied.append(name)
    return applied


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
            raise refusals.database.SCHEMA_LOCKED(
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
        await asyncio.sleep(_LOOK_SECONDS)


async def _missing(connection: Any) -> list[str]:
    history = await history_store.read(connection)
    history_store.check(history)
    return history.missing


def _client(holder: Any) -> str:
    """Describe where a session comes from; behind a pooler, that is the pooler's address."""
    return "on a local socket" if holder["client_addr"] is None else str(holder["client_addr"])
