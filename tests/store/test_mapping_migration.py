"""Mappings that were loaded before they were kept by numbers."""

import asyncio
from importlib.resources import files
from typing import Any
from uuid import uuid4

import asyncpg

from ferryman.store.migrate import migrate


def test_mappings_are_carried_over(empty_database: str) -> None:
    """All of them, with their values and their age, under the latest migration of the scope."""

    async def scene() -> None:
        connection: Any = await asyncpg.connect(empty_database)
        try:
            await _migrate_until(connection, "0006_mapping.sql")
            scopes = [uuid4(), uuid4()]
            for scope in scopes:
                await connection.execute(
                    "INSERT INTO migration_scope VALUES ($1, $2, 'https://x.example')",
                    scope,
                    str(scope),
                )
                for name in ("first", "second"):
                    await connection.execute(
                        "INSERT INTO migration (migration_id, migration_scope_id, name, created_at)"
                        " VALUES ($1, $2, $3, now())",
                        uuid4(),
                        scope,
                        name,
                    )
            rows = [
                (scope, namespace, str(key), f"{place}{key}")
                for place, scope in enumerate(scopes)
                for namespace in ("jira:issue", "identity:user")
                for key in range(50)
            ]
            await connection.executemany(
                "INSERT INTO mapping VALUES ($1, $2, $3, $4, '2026-01-02')", rows
            )
            assert "0006_mapping.sql" in await migrate(connection)
            found = await connection.fetch(
                "SELECT migration_scope_id, namespace, server_key, cloud_key, name,"
                " written_at = '2026-01-02' AS same_age"
                " FROM mapping JOIN mapping_namespace USING (namespace_id)"
                " JOIN migration USING (migration_scope_id) WHERE number = writer"
            )
            assert sorted(tuple(row)[:4] for row in found) == sorted(rows)
            assert {row["name"] for row in found} == {"second"}
            assert all(row["same_age"] for row in found)
        finally:
            await connection.close()

    asyncio.run(scene())


async def _migrate_until(connection: Any, name: str) -> None:
    await connection.execute(
        "CREATE TABLE schema_history (name text PRIMARY KEY,"
        " applied_at timestamptz NOT NULL DEFAULT now())"
    )
    folder = files("ferryman.store") / "migrations"
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".sql") and file.name < name:
            await connection.execute(file.read_text())
            await connection.execute("INSERT INTO schema_history (name) VALUES ($1)", file.name)
