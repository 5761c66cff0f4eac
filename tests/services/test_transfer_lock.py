"""The lock of a transfer: its own row alone, and what its holder wrote is seen by the next."""

import asyncio
from uuid import UUID

import asyncpg
import pytest

from ferryman.store import transfer as transfer_store
from tests.kit.database import until_blocked
from tests.kit.services import Services


async def test_its_app_and_its_migration_stay_free(services: Services) -> None:
    """Otherwise all transfers of an app would wait for each other."""
    transfer_id = UUID(await services.create_transfer())
    async with services.platform.database.transaction() as tx:
        assert await transfer_store.lock(tx, transfer_id) is not None
        for table in ("app", "migration", "migration_scope"):
            assert await services.fetch(f"SELECT FROM {table} FOR UPDATE NOWAIT")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await services.fetch("SELECT FROM transfer FOR NO KEY UPDATE NOWAIT")


async def test_who_waited_for_it_sees_what_was_written(services: Services) -> None:
    transfer_id = UUID(await services.create_transfer())
    database = services.platform.database

    async def later() -> str | None:
        async with database.transaction() as tx:
            stored = await transfer_store.lock(tx, transfer_id)
            return None if stored is None else stored.status_message

    async with database.transaction() as tx:
        await transfer_store.lock(tx, transfer_id)
        waiting = asyncio.create_task(later())
        await until_blocked(tx.connection, waiting)
        await transfer_store.set_status_message(tx, transfer_id, "half of it")
    assert await waiting == "half of it"
