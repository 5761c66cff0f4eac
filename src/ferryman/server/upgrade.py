"""Upgrade the schema by itself, before the new version starts: look first, then step by step."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from ferryman import refusals
from ferryman.config import Settings
from ferryman.server.serve import sole_owner, start_database
from ferryman.store import history as history_store
from ferryman.store.availability import (
    is_transient,
    refused,
    sentence,
    wait_until_available,
)
from ferryman.store.database import CONNECTION_LOST, SQL
from ferryman.store.schema_migration import steps
from ferryman.store.schema_step import SchemaStep, schema_step


@dataclass(frozen=True, slots=True)
class DueStep:
    """A step that the database still needs, and about how many rows each of its tables has."""

    step: SchemaStep
    rows: dict[str, int]


class Upgrade:
    """An upgrade of the schema of one database."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def due(self) -> list[DueStep]:
        """Return the missing steps, in order; raises :class:`ConfigError` (``schema_newer``)."""
        history = await history_store.read(self._connection)
        history_store.check(history)
        due = []
        for name in history.missing:
            step = schema_step(name)
            tables = [effect.table for effect in step.effects]
            found = SQL.table_sizes(self._connection, tables=tables)
            due.append(DueStep(step, {row["relname"]: row["total"] async for row in found}))
        return due

    async def apply(self, *, patience: float, statement_seconds: float) -> AsyncIterator[str]:
        """Apply the missing steps, as :func:`schema_migration.steps` does.

        Raises :class:`OutsideError` (``database_unavailable``) if the connection is lost.
        """
        try:
            async for name in steps(
                self._connection, patience=patience, statement_seconds=statement_seconds
            ):
                yield name
        except CONNECTION_LOST as exc:
            raise refusals.database.UNAVAILABLE(found=sentence(_first(exc))) from exc
        except asyncpg.PostgresError as exc:
            raise exc if is_transient(exc) else refused(exc) from exc


def _first(lost: BaseException) -> BaseException:
    """Return what ended the session; leaving its transaction has failed as well after that."""
    while isinstance(lost.__context__, CONNECTION_LOST):
        lost = lost.__context__
    return lost


@asynccontextmanager
async def opened_upgrade(settings: Settings) -> AsyncIterator[Upgrade]:
    """Connect to the database, or start the embedded one while the block runs.

    Raises the refusals of a start, such as ``data_dir_in_use``.
    """
    async with AsyncExitStack() as stack:
        if settings.database_url is None:
            stack.enter_context(sole_owner(settings.data_dir))
        url = await start_database(settings, stack)
        pool = await wait_until_available(url, size=1)
        stack.callback(pool.terminate)
        yield Upgrade(await stack.enter_async_context(pool.acquire()))
