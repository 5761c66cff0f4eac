"""Copy all tables out of a database under one snapshot, and into an empty one (ADR 0094).

The rows travel in PostgreSQL's own text form of COPY. Their tables are not copied: a build makes
them by its schema changes, of which a copy names those that its rows need.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from ferryman.store import history as history_store
from ferryman.store.database import SQL, Transaction

_WORK_MEMORY = "256MB"
"""For sorting the rows of an index."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table, and the columns of its rows in the order of a copy."""

    name: str
    columns: Sequence[str]


@dataclass(frozen=True, slots=True)
class KeptBytes:
    """A file that was accepted, and what proves its bytes."""

    key: UUID
    size: int
    sha256: str | None
    parts_sha256: str | None
    part_sizes: Sequence[int] | None


async def tables(connection: Any) -> list[Table]:
    """Return all tables of the platform's schema."""
    return [Table(row["name"], row["columns"]) async for row in SQL.own_tables(connection)]


async def sequences(connection: Any) -> dict[str, int]:
    """Return the last value of each sequence in use. No snapshot holds for them: read them last."""
    return {row["name"]: row["last_value"] async for row in SQL.own_sequences(connection)}


async def born_at(connection: Any) -> str:
    """Return when the schema was created, which no two platforms have in common."""
    return str(await SQL.schema_created_at(connection))


async def is_empty(connection: Any) -> bool:
    """Return whether nothing was ever created in the platform's schema."""
    return not await SQL.objects_in_schema(connection)


@asynccontextmanager
async def snapshot(connection: Any) -> AsyncIterator[None]:
    """Run the block in a transaction that sees one moment, for as long as it takes."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute("SET LOCAL statement_timeout = 0")
        yield


async def dump(connection: Any, table: Table, write: Callable[[bytes], Awaitable[None]]) -> int:
    """Write the rows of a table; return their number."""
    status = await connection.copy_from_table(table.name, columns=table.columns, output=write)
    return int(status.rpartition(" ")[2])


async def files(connection: Any) -> AsyncIterator[KeptBytes]:
    """Yield the files that the snapshot has, in the order of their keys."""
    async for row in SQL.files_to_keep(connection):
        yield KeptBytes(**dict(row))


async def file_totals(connection: Any) -> tuple[int, int]:
    """Return number and bytes of the files."""
    row: Any = await SQL.kept_totals_of_all(connection)
    return row["files"], row["bytes"]


async def open_uploads_in_parts(connection: Any) -> list[UUID]:
    """Return the keys of uploads whose parts are in a folder of the local store."""
    return [row["key"] async for row in SQL.open_uploads_in_parts(connection)]


@asynccontextmanager
async def loading(
    connection: Any, migrations: Sequence[str], last_values: Mapping[str, int]
) -> AsyncIterator[list[Table]]:
    """Create the schema of these migrations, and yield its empty tables, for :func:`load`.

    All of it is one transaction: a database is restored as a whole, or stays empty. Leaving the
    block restores keys, indexes, triggers and sequences.
    """
    async with connection.transaction():
        await connection.execute("SET LOCAL statement_timeout = 0")
        await connection.execute(f"SET LOCAL maintenance_work_mem = '{_WORK_MEMORY}'")
        await SQL.create_schema_history(connection)
        for name in migrations:
            await connection.execute(history_store.MIGRATIONS[name].read_text())
        constraints = [row async for row in SQL.own_constraints(connection)]
        indexes = [row async for row in SQL.own_indexes(connection)]
        # Rows are loaded first: building an index once is faster than adding each row to it.
        for row in constraints:
            await connection.execute(f"ALTER TABLE {row['of_table']} DROP CONSTRAINT {row['name']}")
        for row in indexes:
            await connection.execute(f"DROP INDEX {row['name']}")
        found = await tables(connection)
        names = [_quoted(table.name) for table in found]
        for name in names:
            await connection.execute(f"ALTER TABLE {name} DISABLE TRIGGER USER")
        await connection.execute(f"TRUNCATE {', '.join(names)}")
        yield found
        # A reference needs the key or the unique index that it refers to.
        await _add(connection, (row for row in constraints if not row["refers"]))
        for row in indexes:
            await connection.execute(row["definition"])
        await _add(connection, (row for row in constraints if row["refers"]))
        for name in names:
            await connection.execute(f"ALTER TABLE {name} ENABLE TRIGGER USER")
        for name, value in last_values.items():
            await SQL.set_sequence(connection, name=_quoted(name), last_value=value)
        await connection.execute("ANALYZE")


async def load(connection: Any, table: Table, rows: AsyncIterator[bytes]) -> int:
    """Load the rows that :func:`dump` wrote, within :func:`loading`; return their number."""
    status = await connection.copy_to_table(
        table.name, columns=table.columns, source=rows, freeze=True
    )
    return int(status.rpartition(" ")[2])


async def _add(connection: Any, constraints: Iterable[Any]) -> None:
    for row in constraints:
        await connection.execute(
            f"ALTER TABLE {row['of_table']} ADD CONSTRAINT {row['name']} {row['definition']}"
        )


async def end_lost_files(tx: Transaction, keys: Iterable[str]) -> None:
    """Mark files as deleted that went while they were backed up."""
    await SQL.end_lost_files(tx.connection, keys=[UUID(key) for key in keys], now=tx.now)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
