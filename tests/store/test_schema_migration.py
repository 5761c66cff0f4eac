"""The schema comes to be once, whoever asks how often."""

import asyncio
from hashlib import sha256
from typing import Any

import asyncpg
import pytest

from ferryman.errors import ConfigError
from ferryman.store import history as history_store
from ferryman.store.schema_migration import migrate

MIGRATIONS = list(history_store.MIGRATIONS)

CATALOGUE = """
SELECT table_name, column_name, data_type, is_nullable, column_default
FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2
"""


RELEASED = {
    "0001_initial.sql": "dc32210528e3a3d95e1247c94b1b7ba254619015103a118cccd34b5320711a92",
}
"""The digests of migrations that databases of a version have: 0.1.0."""


@pytest.mark.parametrize("name", RELEASED)
def test_a_released_migration_stays_as_it_is(name: str) -> None:
    """A change of the schema is a new migration, or databases of that version lack it."""
    text = history_store.MIGRATIONS[name].read_bytes()
    assert sha256(text).hexdigest() == RELEASED[name], "add a migration instead"


async def test_migrating_again_is_a_no_op(empty_database: str) -> None:
    connection: Any = await asyncpg.connect(empty_database)
    try:
        assert await migrate(connection) == MIGRATIONS
        before = await connection.fetch(CATALOGUE)
        assert {"transfer", "message", "sweep"} <= {row["table_name"] for row in before}
        await connection.execute("UPDATE clock SET time_offset = '1 hour'")
        assert await migrate(connection) == []
        assert await connection.fetch(CATALOGUE) == before
        offset = await connection.fetchval("SELECT time_offset FROM clock")
        assert offset.total_seconds() == 3600
    finally:
        await connection.close()


async def test_processes_that_start_together_migrate_once(empty_database: str) -> None:
    async def one() -> list[str]:
        connection: Any = await asyncpg.connect(empty_database)
        try:
            return await migrate(connection)
        finally:
            await connection.close()

    applied = await asyncio.gather(*(one() for _ in range(4)))
    assert sorted(name for names in applied for name in names) == MIGRATIONS


@pytest.mark.parametrize(
    ("names", "code", "said"),
    [
        (["0099_future"], "schema_newer", "0099_future"),
        (["0002_later.sql", "0003_last.sql"], "schema_newer", "0002_later.sql, 0003_last.sql"),
        (["0002_connect.sql", "0021_failure_cause.sql"], "schema_unreleased", "--data-dir"),
    ],
)
@pytest.mark.parametrize("missing", [False, True], ids=["complete", "incomplete"])
async def test_a_schema_of_another_build_is_refused(
    empty_database: str, names: list[str], code: str, said: str, missing: bool
) -> None:
    """And left as it is, even where something that this build knows is missing too."""
    connection: Any = await asyncpg.connect(empty_database)
    try:
        await migrate(connection)
        await connection.executemany(
            "INSERT INTO schema_history (name) VALUES ($1)", [(name,) for name in names]
        )
        if missing:
            await connection.execute("DROP TABLE breaker CASCADE")
            await connection.execute("DELETE FROM schema_history WHERE name = $1", MIGRATIONS[0])
        before = await connection.fetch(CATALOGUE)
        with pytest.raises(ConfigError) as refused:
            await migrate(connection)
        assert refused.value.code == code
        assert said in str(refused.value)
        assert await connection.fetch(CATALOGUE) == before
    finally:
        await connection.close()
