"""Databases of tests that are used again: emptying one costs a fifth of creating one.

What is used again has the schema, rows and sequences of a new one, and no session. A database is
dropped whose schema or size a test changed, or whose tables were counted for the planner.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import asyncpg

from tests.kit.database import database_url, execute

_LARGE = 1 << 20
"""Bytes of a table from which on a new database costs less than what its remains slow down."""

_TABLES = """
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
ORDER BY relname"""

_SCHEMA = """
SELECT md5(string_agg(part, ',' ORDER BY part)) FROM (
    SELECT format('%s %s %s %s', oid, relname, reloptions, reltuples) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT format('%s %s %s %s %s', attrelid, attname, atttypid, attnotnull, attisdropped)
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT format('%s %s', oid, md5(prosrc)) FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace
    UNION ALL
    SELECT format('%s %s', oid, tgenabled) FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL
    SELECT format('%s %s', oid, conname) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT oid::text FROM pg_namespace
    UNION ALL
    SELECT format('%s %s', setrole, setconfig) FROM pg_db_role_setting
    WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
) parts (part)"""

_END_SESSIONS = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()"""

_EMPTY = """
DO $$
DECLARE
    name text;
BEGIN
    SET LOCAL session_replication_role = replica;  -- in any order, without foreign keys
    FOR name IN SELECT relname FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 0
    LOOP
        EXECUTE format('DELETE FROM %I', name);
    END LOOP;
    FOR name IN SELECT sequencename FROM pg_sequences
        WHERE schemaname = 'public' AND last_value IS NOT NULL
    LOOP
        PERFORM setval(name::regclass, 1, false);
    END LOOP;
END $$"""

_SIZE = """
SELECT max(pg_relation_size(oid)) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"""


@dataclass
class DatabasePool:
    """The databases of one server that no test uses at the moment, all clones of ``template``."""

    server: str
    template: str
    free: list[str] = field(default_factory=list)
    schemas: dict[str, str] = field(default_factory=dict)
    rows: dict[str, str] = field(default_factory=dict)
    """The rows of a new database: by table, as JSON."""

    def take(self) -> str:
        """Return the name of a database as good as new."""
        return self.free.pop() if self.free else asyncio.run(self._create())

    def give_back(self, name: str) -> None:
        """Empty a database for the next test, or drop it if that is not enough."""
        if asyncio.run(self._emptied(name)):
            self.free.append(name)
        else:
            self.drop(name)

    def drop(self, name: str) -> None:
        asyncio.run(execute(self.server, f'DROP DATABASE "{name}" WITH (FORCE)'))

    def close(self) -> None:
        """Drop what is left."""
        while self.free:
            self.drop(self.free.pop())

    async def _create(self) -> str:
        name = f"ferryman_test_{uuid4().hex[:12]}"
        await execute(self.server, f'CREATE DATABASE "{name}" TEMPLATE "{self.template}"')
        connection: Any = await asyncpg.connect(database_url(self.server, name))
        try:
            self.schemas[name] = await connection.fetchval(_SCHEMA)
            if not self.rows:
                for row in await connection.fetch(_TABLES):
                    table = row["relname"]
                    query = f'SELECT json_agg(each) FROM "{table}" each'  # noqa: S608
                    if found := await connection.fetchval(query):
                        self.rows[table] = found
        finally:
            await connection.close()
        return name

    async def _emptied(self, name: str) -> bool:
        connection: Any = await asyncpg.connect(database_url(self.server, name))
        try:
            await connection.execute(_END_SESSIONS)
            if await connection.fetchval(_SCHEMA) != self.schemas[name]:
                return False
            if await connection.fetchval(_SIZE) > _LARGE:
                return False
            async with connection.transaction():
                await connection.execute(_EMPTY)
                for table, rows in self.rows.items():
                    await connection.execute(
                        f'INSERT INTO "{table}" OVERRIDING SYSTEM VALUE'  # noqa: S608
                        f' SELECT * FROM json_populate_recordset(NULL::"{table}", $1)',
                        rows,
                    )
        finally:
            await connection.close()
        return True
