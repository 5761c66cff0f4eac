"""The journal of a transfer, written in the transaction of the thing that happened."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from ferryman.clock import epoch_ms
from ferryman.store.database import SQL, Transaction
from ferryman.wire.transfer import TimelineEntry


async def write(tx: Transaction, transfer_id: UUID, kind: str, **data: Any) -> None:
    """Add an entry; ``kind`` is ``noun.verbed``."""
    await SQL.insert_timeline(
        tx.connection,
        transfer_id=transfer_id,
        kind=kind,
        data=msgspec.json.encode(data).decode(),
        now=tx.now,
    )


async def write_many(
    tx: Transaction, transfer_id: UUID, entries: Sequence[tuple[str, Mapping[str, Any]]]
) -> None:
    """Add several entries, in this order: kind and data of each."""
    await SQL.insert_timeline_entries(
        tx.connection,
        transfer_id=transfer_id,
        kinds=[kind for kind, _ in entries],
        datas=[msgspec.json.encode(data).decode() for _, data in entries],
        now=tx.now,
    )


async def page(tx: Transaction, transfer_id: UUID, *, after: int, size: int) -> list[TimelineEntry]:
    """Entries after ``after``, oldest first."""
    rows = SQL.timeline_page(tx.connection, transfer_id=transfer_id, after=after, size=size)
    return [
        TimelineEntry(
            seq=row["seq"],
            at=epoch_ms(row["at"]),
            kind=row["kind"],
            data=msgspec.json.decode(row["data"]),
        )
        async for row in rows
    ]
