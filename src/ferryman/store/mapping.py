"""Mappings from server key to cloud key, by namespace and migration scope."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from ferryman.domain.mapping import Rows
from ferryman.domain.mapping_lines import Batch, PlainLines
from ferryman.store.database import SQL, Transaction
from ferryman.store.transfer import StoredTransfer, stored_transfer

_COLUMNS = ("server_key", "cloud_key", "namespace_id", "writer", "written_at")

_ESCAPES = str.maketrans({"\\": "\\\\", ",": "\\,", "\n": "\\n", "\r": "\\r"})

_LONGEST_PAUSE = 64
"""How many batches at most are merged before COPY is tried again."""


async def load(
    tx: Transaction, scope_id: UUID, migration_id: UUID, batches: AsyncIterator[Batch]
) -> dict[str, int]:
    """Write a migration's mappings into its scope; the last value of a key wins.

    Returns the number of distinct keys written, by namespace. A batch whose keys are all new is
    written with COPY. Otherwise it is merged, and after each failed COPY more of the following
    batches are merged directly before COPY is tried again.
    """
    await SQL.lift_time_limit(tx.connection)
    await SQL.walk_indexes(tx.connection)
    await SQL.lock_mappings(tx.connection, migration_scope_id=scope_id)
    writer = await SQL.writer_number(tx.connection, migration_id=migration_id)
    load = _Load(tx, scope_id, writer)
    async with aclosing(_read_ahead(batches)) as ahead:
        async for batch in ahead:
            await load.write(batch)
    return dict(load.counts)


@dataclass(slots=True)
class _Load:
    """A running load: distinct keys so far, and how many batches to merge without trying COPY."""

    tx: Transaction
    scope_id: UUID
    writer: int
    numbers: dict[str, int] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    pause: int = 0
    to_merge: int = 0

    async def write(self, batch: Batch) -> None:
        if new := batch.names() - self.numbers.keys():
            self.numbers |= await _number(self.tx, self.scope_id, new)
        if not self.to_merge:
            if await self._copied(batch):
                self.counts.update(batch.counts())
                self.pause = 0
                return
            self.pause = min(2 * self.pause + 1, _LONGEST_PAUSE)
            self.to_merge = 1 + self.pause
        self.to_merge -= 1
        rows = batch.rows()
        ids = list(map(self.numbers.__getitem__, rows.namespaces))
        merged = await _merged(self.tx, self.writer, ids, rows)
        for namespace in set(rows.namespaces):
            self.counts[namespace] += merged[self.numbers[namespace]]

    async def _copied(self, batch: Batch) -> bool:
        """COPY a batch; return False, with nothing written, if a key exists already."""
        tail = f"{self.writer},{self.tx.now.isoformat()}"
        if isinstance(batch, PlainLines):
            text = _line_text(batch, f"{self.numbers[batch.namespace]},{tail}")
        else:
            text = _row_text(batch, self.numbers, tail)
        try:
            async with self.tx.connection.transaction():
                await self.tx.connection.copy_to_table(
                    "mapping", source=_sent(text), columns=_COLUMNS, delimiter=","
                )
        except asyncpg.UniqueViolationError:
            return False
        return True


async def _read_ahead(batches: AsyncIterator[Batch]) -> AsyncGenerator[Batch, None]:
    """Read and check the next batch while the database writes this one."""

    async def following() -> Batch | None:
        return await anext(batches, None)

    ahead = asyncio.create_task(following())
    try:
        while (batch := await ahead) is not None:
            ahead = asyncio.create_task(following())
            yield batch
    finally:
        ahead.cancel()
        await asyncio.gather(ahead, return_exceptions=True)


async def _number(tx: Transaction, scope_id: UUID, namespaces: set[str]) -> dict[str, int]:
    rows = SQL.number_namespaces(
        tx.connection, migration_scope_id=scope_id, namespaces=sorted(namespaces)
    )
    return {row["namespace"]: row["namespace_id"] async for row in rows}


def _line_text(lines: PlainLines, tail: str) -> Iterator[bytes]:
    """Format lines for COPY: where one ends and the namespace of the next begins, put the tail."""
    head = f"{lines.namespace},".encode()
    end = f",{tail}\n".encode()
    for piece in lines.pieces:
        yield piece[len(head) : -1].replace(b"\n" + head, end) + end


def _row_text(rows: Rows, numbers: dict[str, int], tail: str) -> Iterator[bytes]:
    """Format rows for COPY. Text takes a tenth of the time that binary records take to write."""
    keys, values = rows.server_keys, rows.cloud_keys
    if any(sign in text for text in ("".join(keys), "".join(values)) for sign in "\\,\n\r"):
        keys = [key.translate(_ESCAPES) for key in keys]
        values = [value.translate(_ESCAPES) for value in values]
    ids = map(numbers.__getitem__, rows.namespaces)
    lines = zip(keys, values, ids, strict=True)
    yield "".join([f"{key},{value},{n},{tail}\n" for key, value, n in lines]).encode()


async def _sent(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def _merged(tx: Transaction, writer: int, ids: list[int], rows: Rows) -> Counter[int]:
    """Upsert a batch; return keys per namespace number, without those this load wrote before."""
    latest = dict(zip(zip(ids, rows.server_keys, strict=True), rows.cloud_keys, strict=True))
    repeated = SQL.merge_mappings(
        tx.connection,
        namespace_ids=[number for number, _ in latest],
        server_keys=[key for _, key in latest],
        cloud_keys=list(latest.values()),
        writer=writer,
        now=tx.now,
    )
    counts = Counter(number for number, _ in latest)
    async for row in repeated:
        counts[row["namespace_id"]] -= row["repeated"]
    return counts


Pairs = tuple[list[str], list[str]]
"""Server keys, and the cloud key of each."""


async def find(
    tx: Transaction, transfer_id: UUID, namespace: str, keys: list[str], *, written_after: datetime
) -> tuple[StoredTransfer, Pairs] | None:
    """Return a transfer, and the pairs of ``keys`` in its scope written after ``written_after``.

    None if there is no such transfer.
    """
    row = await SQL.transfer_with_mappings(
        tx.connection,
        transfer_id=transfer_id,
        namespace=namespace,
        keys=keys,
        written_after=written_after,
    )
    return _with_pairs(row)


async def page(
    tx: Transaction,
    transfer_id: UUID,
    namespace: str,
    *,
    after: str,
    size: int,
    written_after: datetime,
) -> tuple[StoredTransfer, Pairs] | None:
    """Return a transfer, and up to ``size`` pairs of its scope whose key sorts after ``after``."""
    row = await SQL.transfer_with_mapping_page(
        tx.connection,
        transfer_id=transfer_id,
        namespace=namespace,
        after=after,
        size=size,
        written_after=written_after,
    )
    return _with_pairs(row)


def _with_pairs(row: Any) -> tuple[StoredTransfer, Pairs] | None:
    stored = stored_transfer(row)
    return None if stored is None else (stored, (row["server_keys"] or [], row["cloud_keys"] or []))
