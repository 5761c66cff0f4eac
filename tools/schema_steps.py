"""What each schema step does to the tables that are there: ``python -m tools.schema_steps``.

It applies the steps to a PostgreSQL of its own, asks before each commit which tables are locked,
and compares the catalogs before and after.
"""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg
import msgspec

import ferryman.store
from ferryman.store import history as history_store
from ferryman.store.database import SQL
from ferryman.store.embedded import EmbeddedPostgres

FILE = Path(ferryman.store.__file__).parent / "migrations" / "effects.json"

_MODES = (
    *("AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock"),
    *("ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"),
)
"""From the weakest to the strongest."""

_HOLDS_UP = _MODES.index("RowExclusiveLock")
"""The weakest that means more than a look."""

_TABLES = """
SELECT relname, oid, relfilenode FROM pg_class
WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
    AND relname <> 'schema_history'
"""

_LOCKS = """
SELECT relname, mode FROM pg_locks JOIN pg_class ON pg_class.oid = relation
WHERE pid = pg_backend_pid() AND locktype = 'relation' AND granted
"""

# Whatever PostgreSQL proves or builds by reading all rows.
_PROVEN = """
SELECT relname, 'index' AS kind, indexrelid::text AS what FROM pg_index
JOIN pg_class ON pg_class.oid = indrelid
UNION ALL SELECT relname, 'constraint', conname FROM pg_constraint
JOIN pg_class ON pg_class.oid = conrelid WHERE convalidated AND contype IN ('c', 'f')
UNION ALL SELECT relname, 'not null', attname FROM pg_attribute
JOIN pg_class ON pg_class.oid = attrelid WHERE attnotnull AND NOT atthasmissing AND attnum > 0
"""


async def effects(connection: Any) -> dict[str, list[dict[str, object]]]:
    """Return what each step does; ``connection`` is to an empty database."""
    await SQL.create_schema_history(connection)
    found = {}
    for name, file in history_store.MIGRATIONS.items():
        before = {row["relname"]: row for row in await connection.fetch(_TABLES)}
        proven = await _proven(connection)
        async with connection.transaction():
            await connection.execute(file.read_text())
            locks = await connection.fetch(_LOCKS)
        after = {row["relname"]: row for row in await connection.fetch(_TABLES)}
        read = {table for table, *_ in await _proven(connection) - proven}
        written = {row["relname"] for row in locks if row["mode"] == "RowExclusiveLock"}
        written |= {
            table
            for table, row in before.items()
            if table in after and row["relfilenode"] != after[table]["relfilenode"]
        }
        modes: dict[str, int] = {}
        for row in locks:
            mode = _MODES.index(row["mode"])
            modes[row["relname"]] = max(mode, modes.get(row["relname"], 0))
        found[name] = [
            _effect(table, modes[table], table in read, table in written)
            for table in sorted(before.keys() & modes.keys())
            if modes[table] >= _HOLDS_UP
        ]
    return found


async def _proven(connection: Any) -> set[tuple[Any, ...]]:
    return {tuple(row) for row in await connection.fetch(_PROVEN)}


def _effect(table: str, mode: int, reads: bool, writes: bool) -> dict[str, object]:
    effect: dict[str, object] = {"table": table, "lock": _words(_MODES[mode])}
    return effect | ({"reads": True} if reads else {}) | ({"writes": True} if writes else {})


def _words(mode: str) -> str:
    """Return a mode as PostgreSQL's manual writes it: ``ACCESS EXCLUSIVE``."""
    name = mode.removesuffix("Lock")
    return "".join(f" {sign}" if sign.isupper() else sign for sign in name).strip().upper()


def formatted(found: dict[str, list[dict[str, object]]]) -> str:
    """Return the text of the file: a line for each table."""
    return msgspec.json.format(msgspec.json.encode(found).decode(), indent=2) + "\n"


async def _write(url: str) -> None:
    connection: Any = await asyncpg.connect(url)
    FILE.write_text(formatted(await effects(connection)))
    await connection.close()


def main() -> None:
    """Write the file, by a PostgreSQL of its own."""
    with TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder))
        try:
            asyncio.run(_write(server.start()))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
