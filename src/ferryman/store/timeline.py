"""A transfer's timeline, written in the same transaction as the event itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from ferryman.clock import epoch_ms
from ferryman.store.database import SQL, Transaction
from ferryman.wire.transfer import TimelineEntry

_BEYOND = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """An entry of a transfer's timeline; ``kind`` has the form ``noun.verbed``."""

    transfer_id: UUID
    kind: str
    data: Mapping[str, Any]


async def add(tx: Transaction, entries: Sequence[TimelineRow]) -> None:
    """Append entries, of any transfers, in this order."""
    await SQL.write_entries(
        tx.connection,
        transfer_ids=[entry.transfer_id for entry in entries],
        kinds=[entry.kind for entry in entries],
        data=[msgspec.json.encode(entry.data).decode() for entry in entries],
        now=tx.now,
    )


async def write(tx: Transaction, transfer_id: UUID, kind: str, **data: Any) -> None:
    """Append one entry."""
    await add(tx, [TimelineRow(transfer_id, kind, data)])


async def write_many(
    tx: Transaction, transfer_id: UUID, entries: Sequence[tuple[str, Mapping[str, Any]]]
) -> None:
    """Append entries of one transfer, given as kind and data, in this order."""
    await add(tx, [TimelineRow(transfer_id, kind, data) for kind, data in entries])


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFilter:
    """Criteria for entries of a transfer; ``kind`` is a full kind or just its noun.

    ``after`` and ``before`` are numbers of entries, both exclusive.
    """

    kind: str | None = None
    message_id: str | None = None
    after: int = 0
    before: int | None = None


async def page(
    tx: Transaction, transfer_id: UUID, wanted: EntryFilter, *, size: int, newest: bool = False
) -> list[TimelineEntry]:
    """Return up to ``size`` matching entries, oldest or newest first."""
    statement = SQL.timeline_newest if newest else SQL.timeline_page
    rows = statement(
        tx.connection,
        transfer_id=transfer_id,
        kind=wanted.kind,
        message_id=wanted.message_id,
        after=wanted.after,
        before=_BEYOND if wanted.before is None else wanted.before,
        size=size,
    )
    return [
        TimelineEntry(
            seq=row["seq"],
            at=epoch_ms(row["at"]),
            kind=row["kind"],
            data=msgspec.json.decode(row["data"]),
        )
        async for row in rows
    ]
