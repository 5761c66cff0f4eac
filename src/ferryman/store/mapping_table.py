"""The first large load of a scope: copied into a table of its own, which then becomes part of all.

Without an index while rows come, it is written several times faster: all keys are sorted at the
end, once. Nobody sees the table before the load is committed.
"""

from collections import Counter
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from uuid import UUID

import asyncpg

from ferryman.domain.limits import MAPPING_NAMESPACES
from ferryman.domain.mapping import Rows
from ferryman.store.database import SQL, Transaction

OWN_TABLE_ROWS = 10_000
"""In the first batch: with fewer, a table is not worth its files."""

_FIRST = 1_000_000_000
"""Numbers of namespaces from here on are those of scopes with a table of their own."""

_GREATEST = 2**31 - 1

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def copy_text(ids: list[int], rows: Rows, tail: str = "") -> BytesIO:
    """What COPY reads: number of the namespace, server key, cloud key; ``tail`` ends each line."""
    lines = zip(ids, rows.server_keys, rows.cloud_keys, strict=True)
    text = "".join([f"{number}\t{key}\t{value}{tail}\n" for number, key, value in lines])
    as_written = (text.count("\n"), text.count("\t"), "\\" in text, "\r" in text)
    if as_written != (len(ids), len(ids) * (2 + tail.count("\t")), False, False):
        escaped = (
            [each.translate(_ESCAPES) for each in column]
            for column in (rows.server_keys, rows.cloud_keys)
        )
        lines = zip(ids, *escaped, strict=True)
        text = "".join([f"{number}\t{key}\t{value}{tail}\n" for number, key, value in lines])
    return BytesIO(text.encode())


@dataclass(slots=True)
class OwnTable:
    """A load into a table of its own; ``first`` is the least number that its namespaces have."""

    tx: Transaction
    scope_id: UUID
    first: int
    numbers: dict[str, int] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    async def write(self, rows: Rows) -> None:
        """Add a batch, whatever keys it has."""
        if new := sorted(set(rows.namespaces) - self.numbers.keys()):
            made = {each: self.first + len(self.numbers) + at for at, each in enumerate(new)}
            self.numbers |= made
            await SQL.insert_namespaces(
                self.tx.connection,
                migration_scope_id=self.scope_id,
                namespaces=list(made),
                namespace_ids=list(made.values()),
            )
        ids = list(map(self.numbers.__getitem__, rows.namespaces))
        await self.tx.connection.copy_to_table(
            f"mapping_{self.first}",
            source=copy_text(ids, rows),
            columns=("namespace_id", "server_key", "cloud_key"),
        )
        self.counts.update(rows.namespaces)

    async def end(self) -> None:
        """Sort the keys, of repeated ones keep the last, and let all see the table."""
        last = self.first + MAPPING_NAMESPACES
        try:
            async with self.tx.connection.transaction():
                await self._run(SQL.index_mapping_table)
        except asyncpg.UniqueViolationError:
            names = {number: namespace for namespace, number in self.numbers.items()}
            query = SQL.drop_repeated_mappings.sql.format(first=self.first)
            for row in await self.tx.connection.fetch(query):
                self.counts[names[row["namespace_id"]]] -= row["repeated"]
            await self._run(SQL.index_mapping_table)
        await self._run(SQL.attach_mapping_table, last=last)

    async def _run(self, statement: Any, **more: object) -> None:
        # The name of a table cannot be a parameter. All that is put in are numbers of ours.
        await self.tx.connection.execute(statement.sql.format(first=self.first, **more))


async def begin(tx: Transaction, scope_id: UUID, writer: int, rows: int) -> OwnTable | None:
    """For a scope that has no mappings yet, when the first batch has so many rows."""
    if rows < OWN_TABLE_ROWS or await SQL.scope_has_namespaces(
        tx.connection, migration_scope_id=scope_id
    ):
        return None
    place: int = await SQL.next_mapping_table(tx.connection)
    first = _FIRST + place * MAPPING_NAMESPACES
    if first + MAPPING_NAMESPACES > _GREATEST:
        return None
    create = SQL.create_mapping_table.sql.format(first=first, writer=writer, now=tx.now.isoformat())
    await tx.connection.execute(create)
    return OwnTable(tx, scope_id, first)
