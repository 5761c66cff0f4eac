"""Bring a database to the current schema: our migrations in order, and pgqueuer's own tables.

Each step is one transaction, which holds the lock and looks again whether the step is still due.
So a process that is killed leaves neither half a step nor a lock behind, through a pooler of
transactions too.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any

import structlog
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence import schema_inspect, schema_plan
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.schema.declaration import target

from ferryman.errors import OutsideError
from ferryman.store.database import SQL

PATIENCE_SECONDS = 60.0
"""For one step of another process to end."""

LOCK = 7_302_114_900
"""Advisory lock of whoever changes the schema."""

_SILENT_SECONDS = 2.0
"""A wait that is longer is logged."""

_LOOK_SECONDS = 0.1

log = structlog.get_logger("ferryman.database")


async def migrate(connection: Any, *, patience: float = PATIENCE_SECONDS) -> list[str]:
    """Apply what is missing and return the names of what was applied.

    Each migration is one transaction; killed in between, the next call resumes. Where nothing is
    missing, nothing is locked. Raises :class:`OutsideError` ``schema_locked`` when somebody else
    keeps changing the schema for ``patience`` seconds.
    """
    async with connection.transaction():
        done = await _applied(connection)
    applied = []
    folder = files("ferryman.store") / "migrations"
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".sql") or file.name in done:
            continue
        async with schema_lock(connection, patience=patience):
            await SQL.create_schema_history(connection)
            if file.name not in await _applied(connection):
                # It may take longer than a statement of ours otherwise.
                await connection.execute("SET LOCAL statement_timeout = 0")
                await connection.execute(file.read_text())
                await SQL.note_migration(connection, name=file.name)
                applied.append(file.name)
    await _upgrade_queue(connection, patience)
    return applied


@asynccontextmanager
async def schema_lock(connection: Any, *, patience: float) -> AsyncIterator[None]:
    """A transaction in which nobody else changes the schema.

    Raises :class:`OutsideError` ``schema_locked``, which names the holder, after ``patience``
    seconds. Between two looks no transaction is open.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    told = False
    while True:
        async with connection.transaction():
            if await SQL.try_lock_schema(connection, key=LOCK):
                yield
                return
            holder = await SQL.schema_lock_holder(connection, key=LOCK)
        waited = loop.time() - began
        if holder is not None and waited >= patience:
            raise _locked(holder, patience)
        if holder is not None and waited >= _SILENT_SECONDS and not told:
            told = True
            log.warning(
                "schema.waits",
                pid=holder["pid"],
                application=holder["application_name"],
                client=_client(holder),
                seconds=patience,
            )
        await asyncio.sleep(_LOOK_SECONDS)


async def _applied(connection: Any) -> set[str]:
    if not await SQL.has_schema_history(connection):
        return set()
    return {row["name"] async for row in SQL.schema_history(connection)}


async def _upgrade_queue(connection: Any, patience: float) -> None:
    """Do what pgqueuer's own ``upgrade`` does, whose lock is one of the session."""
    queue = Queries(AsyncpgDriver(connection))
    settings = queue.qbe.settings
    async with connection.transaction():
        plan = await queue.plan_upgrade()
    for note in plan.notes:
        log.warning("queue.noted", note=note)
    if not plan.statements:
        return
    # A label cannot be used in the transaction that adds it.
    async with schema_lock(connection, patience=patience):
        live = await schema_inspect.inspect(queue.driver, settings)
        for statement in schema_plan.plan_enums(live, target(settings), settings):
            await connection.execute(statement)
    async with schema_lock(connection, patience=patience):
        for statement in (await queue.plan_upgrade()).statements:
            await connection.execute(statement)


def _locked(holder: Any, patience: float) -> OutsideError:
    return OutsideError(
        "schema_locked",
        expected=f"the lock for schema changes to be free within {patience:.0f} seconds",
        found=f"session {holder['pid']} of PostgreSQL, which holds it: application "
        f"{holder['application_name']!r}, client {_client(holder)}, {holder['state']}",
        fix="Start again once that session has ended. If nobody needs it, end it with "
        f"SELECT pg_terminate_backend({holder['pid']}).",
    )


def _client(holder: Any) -> str:
    """Where a session comes from; a pooler shows its own address."""
    return "on a local socket" if holder["client_addr"] is None else str(holder["client_addr"])
