"""Delete expired rows, a bounded number per transaction."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from ferryman.store.database import SQL, Transaction


async def with_details(tx: Transaction, before: datetime, size: int) -> list[UUID]:
    """Return transfers settled before ``before`` that still have attempts or a timeline."""
    rows = SQL.transfers_with_details(tx.connection, before=before, size=size)
    return [row["transfer_id"] async for row in rows]


async def remove_details(
    tx: Transaction, transfer_ids: Collection[UUID], size: int
) -> tuple[int, int]:
    """Delete up to ``size`` attempts and timeline entries of each; return both counts."""
    chosen = list(transfer_ids)
    await SQL.remove_missing_mappings(tx.connection, transfer_ids=chosen)
    return (
        int(await SQL.remove_attempts(tx.connection, transfer_ids=chosen, size=size)),
        int(await SQL.remove_timeline(tx.connection, transfer_ids=chosen, size=size)),
    )


async def details_removed(tx: Transaction, transfer_ids: Collection[UUID]) -> None:
    """Record that the details of these transfers are gone."""
    await SQL.details_removed(tx.connection, transfer_ids=list(transfer_ids), now=tx.now)


Settled = tuple[datetime, UUID]
"""Cursor of :func:`settled_page`: when a transfer settled, and its id."""


async def settled_page(
    tx: Transaction, before: datetime, after: Settled, size: int
) -> tuple[set[UUID], Settled | None]:
    """Return the migrations of a page of settled transfers, and the cursor of the next page.

    The page holds up to ``size`` transfers after ``after`` that settled before ``before``. The
    cursor is None after the last page.
    """
    rows = [
        row
        async for row in SQL.settled_page(
            tx.connection, before=before, after_at=after[0], after_id=after[1], size=size
        )
    ]
    more = (rows[-1]["settled_at"], rows[-1]["transfer_id"]) if len(rows) == size else None
    return {row["migration_id"] for row in rows}, more


async def over(
    tx: Transaction, migration_ids: Collection[UUID], before: datetime, swept: datetime | None
) -> list[UUID]:
    """Return migrations that ended by ``before``, with all files gone at the sweep ``swept``."""
    rows = SQL.migrations_over(
        tx.connection, migration_ids=list(migration_ids), before=before, swept=swept
    )
    return [row["migration_id"] async for row in rows]


async def remove_messages(tx: Transaction, migration_id: UUID, size: int) -> int:
    """Delete up to ``size`` messages of a migration that are not due; return the number."""
    return int(await SQL.remove_messages(tx.connection, migration_id=migration_id, size=size))


async def remove_uploads(tx: Transaction, migration_id: UUID, size: int) -> int:
    """Delete up to ``size`` uploads of a migration, with their files' rows; return the number."""
    return int(await SQL.remove_uploads(tx.connection, migration_id=migration_id, size=size))


async def remove_migration(tx: Transaction, migration_id: UUID) -> int:
    """Delete the rest of a migration and return the number of its transfers."""
    count = int(await SQL.remove_transfers(tx.connection, migration_id=migration_id))
    await SQL.remove_migration(tx.connection, migration_id=migration_id)
    return count


async def namespaces(tx: Transaction) -> list[tuple[int, str]]:
    """Return number and name of every namespace of every scope."""
    rows = SQL.all_namespaces(tx.connection)
    return [(row["namespace_id"], row["namespace"]) async for row in rows]


async def remove_mappings(
    tx: Transaction, namespace_ids: Collection[int], before: datetime, size: int
) -> int:
    """Delete mappings of these namespaces last written before ``before``; return the number."""
    ids = list(namespace_ids)
    return await SQL.remove_mappings(
        tx.connection, namespace_ids=ids, before=before, size=size
    ) + await SQL.remove_earlier_mappings(
        tx.connection, namespace_ids=ids, before=before, size=size
    )
