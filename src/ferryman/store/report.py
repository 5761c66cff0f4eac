"""Read the rows of the report of a migration."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from ferryman.store.database import SQL, Transaction


async def transfers(tx: Transaction, migration_id: UUID) -> list[Any]:
    """Return the transfers of a migration with their counts, oldest first."""
    rows = SQL.report_transfers(tx.connection, migration_id=migration_id)
    return [row async for row in rows]


def labels(tx: Transaction, migration_id: UUID) -> AsyncIterator[Any]:
    """Yield the labels of each transfer with their counts."""
    return SQL.report_labels(tx.connection, migration_id=migration_id)


def failures(tx: Transaction, migration_id: UUID) -> AsyncIterator[Any]:
    """Yield messages that were given up or acknowledged FAILED, with their last attempt."""
    return SQL.report_failures(tx.connection, migration_id=migration_id)


def actions(tx: Transaction, migration_id: UUID) -> AsyncIterator[Any]:
    """Yield rows of the audit log about a migration, its transfers and messages, in order."""
    return SQL.report_actions(tx.connection, migration_id=migration_id)
