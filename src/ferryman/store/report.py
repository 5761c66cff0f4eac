"""What the report of a migration says of its parts, row by row."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from ferryman.store.database import SQL, STATEMENTS, Transaction

_PREFETCH = 500


async def transfers(tx: Transaction, migration_id: UUID) -> list[Any]:
    """Return the transfers of a migration with their counts, oldest first."""
    rows = SQL.report_transfers(tx.connection, migration_id=migration_id)
    return [row async for row in rows]


def labels(tx: Transaction, migration_id: UUID) -> AsyncIterator[Any]:
    """Yield the labels of each transfer with their counts."""
    return _stream(tx, "report_labels", migration_id)


def failures(tx: Transaction, migration_id: UUID) -> AsyncIterator[Any]:
    """Yield messages that were given up or acknowledged FAILED, with their last attempt."""
    return _stream(tx, "report_failures", migration_id)


def actions(tx: Transaction, migration_id: UUID) -> AsyncIterator[Any]:
    """Yield rows of the audit log about a migration, its transfers and messages, in order."""
    return _stream(tx, "report_actions", migration_id)


async def _stream(tx: Transaction, name: str, migration_id: UUID) -> AsyncIterator[Any]:
    """Read by a cursor, since there may be as many rows as messages."""
    statement = STATEMENTS[name]
    values = statement.ordered({"migration_id": migration_id})
    async for row in tx.connection.cursor(statement.sql, *values, prefetch=_PREFETCH):
        yield row
