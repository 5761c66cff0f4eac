"""What finding a few rows reads does not grow with the files that their transfer has already."""

from uuid import UUID

import pytest

from ferryman.store import upload as upload_store
from ferryman.store import worker as worker_store
from ferryman.store.database import Transaction
from tests.kit.services import Services

MANY, FEW = 3_000, 5


async def fill(services: Services, transfer_id: str, count: int) -> None:
    """Give a transfer so many open files more, and as many messages."""
    await services.fetch(
        "INSERT INTO upload (upload_id, transfer_id, key, store_ref, label, resume_key, state,"
        " created_at) SELECT gen_random_uuid(), $1, gen_random_uuid(), 'one:1:a', number::text,"
        " 'r' || number, 'OPEN', now() FROM generate_series(1, $2) number",
        UUID(transfer_id),
        count,
    )
    await services.fetch(
        "INSERT INTO message (message_id, transfer_id, app_id, event_type, payload, state,"
        " created_at) SELECT gen_random_uuid(), $1, $2, 'x', '{}', 'PENDING', now()"
        " FROM generate_series(1, $3)",
        UUID(transfer_id),
        services.app.app_id,
        count,
    )


async def rows_read(tx: Transaction, table: str) -> int:
    """Return how many rows of a table this transaction has read."""
    read: int = await tx.connection.fetchval(
        "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = $1",
        table,
    )
    return read


@pytest.fixture
async def transfer_id(services: Services) -> str:
    """A transfer with many files, of which PostgreSQL's statistics know nothing.

    They are collected when a part of a table has changed, which is late for a new transfer.
    """
    transfer_id = await services.start_transfer()
    for table in ("upload", "message"):
        await services.fetch(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    await fill(services, transfer_id, MANY)
    return transfer_id


async def test_uploads_are_found_by_their_ids(services: Services, transfer_id: str) -> None:
    """Not by reading all of the app's."""
    rows = await services.fetch(
        "SELECT upload_id FROM upload WHERE transfer_id = $1 LIMIT $2", UUID(transfer_id), FEW
    )
    ids = [row["upload_id"] for row in rows]
    async with services.platform.database.transaction() as tx:
        found = await upload_store.by_ids(tx, ids, services.app.app_id)
        assert set(found) == set(ids)
        assert FEW <= await rows_read(tx, "upload") < 10 * FEW


async def test_the_look_for_messages_of_dead_workers_reads_no_others(
    services: Services, transfer_id: str
) -> None:
    """Each worker looks every second."""
    assert transfer_id
    async with services.platform.database.transaction() as tx:
        assert await worker_store.orphans(tx, {}, 500) == []
        assert await rows_read(tx, "message") == 0
    await services.fetch("UPDATE message SET worker_id = gen_random_uuid() WHERE position = 1")
    assert await services.rescue() == 1
