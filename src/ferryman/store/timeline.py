"""A transfer's timeline, written in the same transaction as the event itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
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

    ``after`` and ``before`` are numbers of entries, both exclusive; ``since`` is inclusive, and
    ``until`` exclusive.
    """

    kind: str | None = None
    message_id: str | None = None
    after: int = 0
    before: int | None = None
    since: datetime | None = None
    until: datetime | None = None


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
        since=wanted.since,
        until=wanted.until,
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


async def ends(tx: Transaction, transfer_id: UUID) -> tuple[datetime, datetime] | None:
    """Return when the first and the last entry were written; None: there is no entry."""
    row = await SQL.timeline_ends(tx.connection, transfer_id=transfer_id)
    return None if row["first"] is None else (row["first"], row["last"])


@dataclass(frozen=True, slots=True)
class CountedKind:
    """Entries of one kind in the part of a time that begins at ``part``."""

    part: datetime
    kind: str
    number: int
    failed: int


async def over_time(
    tx: Transaction, transfer_id: UUID, since: datetime, until: datetime | None, width: timedelta
) -> list[CountedKind]:
    """Count the entries of a time range by kind, in parts of equal width."""
    rows = SQL.entries_over_time(
        tx.connection, transfer_id=transfer_id, since=since, until=until, width=width
    )
    return [
        CountedKind(row["part"], row["kind"], row["number"], row["failed"]) async for row in rows
    ]
