"""The schema comes to be once, whoever asks how often."""

import asyncio
from importlib.resources import files
from typing import Any

import asyncpg

from ferryman.store.migrate import migrate

MIGRATIONS = sorted(
    file.name
    for file in (files("ferryman.store") / "migrations").iterdir()
    if file.name.endswith(".sql")
)

CATALOGUE = """
SELECT table_name, column_name, data_type, is_nullable, column_default
FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2
"""


def test_migrating_again_is_a_no_op(empty_database: str) -> None:
    async def run() -> None:
        connection: Any = await asyncpg.connect(empty_database)
        try:
            assert await migrate(connection) == MIGRATIONS
            before = await connection.fetch(CATALOGUE)
            assert {"transfer", "message", "pgqueuer"} <= {row["table_name"] for row in before}
            await connection.execute("UPDATE clock SET time_offset = '1 hour'")
            assert await migrate(connection) == []
            assert await connection.fetch(CATALOGUE) == before
            offset = await connection.fetchval("SELECT time_offset FROM clock")
            assert offset.total_seconds() == 3600
        finally:
            await connection.close()

    asyncio.run(run())


def test_processes_that_start_together_migrate_once(empty_database: str) -> None:
    async def one() -> list[str]:
        connection: Any = await asyncpg.connect(empty_database)
        try:
            return await migrate(connection)
        finally:
            await connection.close()

    async def run() -> None:
        applied = await asyncio.gather(*(one() for _ in range(4)))
        assert sorted(name for names in applied for name in names) == MIGRATIONS

    asyncio.run(run())
