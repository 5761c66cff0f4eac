"""A database of the first build belongs to the default customer, and keeps its keys."""

from typing import Any

import asyncpg

from ferryman.store import history as history_store
from ferryman.store.database import SQL
from ferryman.store.schema_migration import migrate

FIRST = "0001_initial.sql"
SCOPE = "INSERT INTO migration_scope VALUES (gen_random_uuid(), 's', 'https://a.example')"


async def test_what_was_there_belongs_to_the_default_customer(empty_database: str) -> None:
    connection: Any = await asyncpg.connect(empty_database)
    try:
        await SQL.create_schema_history(connection)
        await connection.execute(history_store.MIGRATIONS[FIRST].read_text())
        await SQL.note_migration(connection, name=FIRST)
        await connection.execute(SCOPE)
        await connection.execute("INSERT INTO secret VALUES ('signing-key', 'kid')")
        await migrate(connection)
        assert await connection.fetchval("SELECT customer FROM migration_scope") == "default"
        key = await connection.fetchrow("SELECT * FROM secret")
        assert (key["value"], key["expires_at"]) == (b"kid", None)
        head = await connection.fetchrow("SELECT * FROM audit_head")
        assert (head["seq"], head["hash"]) == (0, b"")
    finally:
        await connection.close()
