"""Removing rows whose time is over, a bounded number in each transaction."""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from ferryman.store.database import SQL, Transaction


async def with_details(tx: Transaction, before: datetime, size: int) -> list[UUID]:
    """Transfers that settled by then, of which attempts and timeline are there."""
    rows = SQL.transfers_with_details(tx.connection, before=before, size=size)
    return [row["transfer_id"] async for row in rows]


async def remove_details(
    tx: Transaction, transfer_ids: Collection[UUID], size: int
) -> tuple[int, int]:
    """Some of their attempts, and some entries of their timelines; how many of each."""
    chosen = list(transfer_ids)
    await SQL.remove_missing_mappings(tx.connection, transfer_ids=chosen)
    return (
        int(await SQL.remove_attempts(tx.connection, transfer_ids=chosen, size=size)),
        int(await SQL.remove_timeline(tx.connection, transfer_ids=chosen, size=size)),
    )


async def details_removed(tx: Transaction, transfer_ids: Collection[UUID]) -> None:
    """Nothing of it is left."""
    await SQL.details_removed(tx.connection, transfer_ids=list(transfer_ids), now=tx.now)


Settled = tuple[datetime, UUID]
"""When a transfer settled, and its id: where a page of them ends."""


async def settled_page(
    tx: Transaction, before: datetime, after: Settled, size: int
) -> tuple[set[UUID], Settled | None]:
    """The migrations of the transfers that settled next, by then; and where to go on, if at all."""
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
    """Those that ended by then, with no file in the store since the sweep at ``swept``."""
    rows = SQL.migrations_over(
        tx.connection, migration_ids=list(migration_ids), before=before, swept=swept
    )
    return [row["migration_id"] async for row in rows]


async def remove_messages(tx: Transaction, migration_id: UUID, size: int) -> int:
    """Some of a migration's messages, none that is owed."""
    found = await SQL.remove_messages(tx.connection, migration_id=migration_id, size=size)
    return int(found)


async def remove_uploads(tx: Transaction, migration_id: UUID, size: int) -> int:
    """Some of a migration's uploads, with what is known of their files."""
    return int(await SQL.remove_uploads(tx.connection, migration_id=migration_id, size=size))


async def remove_migration(tx: Transaction, migration_id: UUID) -> int:
    """What is left of it; how many transfers."""
    count = int(await SQL.remove_transfers(tx.connection, migration_id=migration_id))
    await SQL.remove_migration(tx.connection, migration_id=migration_id)
    return count


async def namespaces(tx: Transaction) -> list[tuple[int, str]]:
    """Every namespace of every scope: its number and its name."""
    rows = SQL.all_namespaces(tx.connection)
    return [(row["namespace_id"], row["namespace"]) async for row in rows]


async def remove_mappings(
    tx: Transaction, namespace_ids: Collection[int], before: datetime, size: int
) -> int:
    """Some mappings of these namespaces that were last written by then."""
    chosen = {"namespace_ids": list(namespace_ids), "before": before, "size": size}
    return int(await SQL.remove_mappings(tx.connection, **chosen)) + int(
        await SQL.remove_earlier_mappings(tx.connection, **chosen)
    )


async def remove_queue_log(tx: Transaction, age: timedelta, size: int) -> int:
    """Some of what the queue wrote down of jobs that long ago."""
    return int(await SQL.remove_queue_log(tx.connection, age=age, size=size))
