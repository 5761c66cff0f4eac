"""Mappings: server key to cloud key within a namespace, kept per migration scope."""

from collections.abc import AsyncIterator
from uuid import UUID

from ferryman.store.database import SQL, Transaction


async def load(
    tx: Transaction, scope_id: UUID, rows: AsyncIterator[tuple[str, str, str]]
) -> dict[str, int]:
    """Take (namespace, server key, cloud key) rows, the last of a key winning.

    Returns the number of distinct keys written, by namespace. Memory does not grow with rows.
    """
    await SQL.lift_time_limit(tx.connection)
    await SQL.create_staging(tx.connection)

    async def numbered() -> AsyncIterator[tuple[str, str, str, int]]:
        number = 0
        async for namespace, server_key, cloud_key in rows:
            yield namespace, server_key, cloud_key, number
            number += 1

    await tx.connection.copy_records_to_table(
        "mapping_staging",
        records=numbered(),
        columns=["namespace", "server_key", "cloud_key", "row"],
    )
    counts = {row["namespace"]: row["stored"] async for row in SQL.staging_counts(tx.connection)}
    await SQL.merge_staging(tx.connection, migration_scope_id=scope_id, now=tx.now)
    return counts


async def find(tx: Transaction, scope_id: UUID, namespace: str, keys: list[str]) -> dict[str, str]:
    """Cloud keys of those server keys that have one."""
    rows = SQL.find_mappings(
        tx.connection, migration_scope_id=scope_id, namespace=namespace, keys=keys
    )
    return {row["server_key"]: row["cloud_key"] async for row in rows}


async def page(
    tx: Transaction, scope_id: UUID, namespace: str, *, after: str, size: int
) -> list[tuple[str, str]]:
    """Pairs whose server key sorts after ``after``, in order."""
    rows = SQL.mapping_page(
        tx.connection, migration_scope_id=scope_id, namespace=namespace, after=after, size=size
    )
    return [(row["server_key"], row["cloud_key"]) async for row in rows]
