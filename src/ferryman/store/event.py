"""The timelines of all transfers, as one stream."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

import msgspec

from ferryman.clock import epoch_ms
from ferryman.store.database import SQL, Transaction
from ferryman.wire.event import StreamEntry


@dataclass(frozen=True, slots=True)
class EventGroup:
    """Entries of one transfer and of one kind, and whose they are."""

    transfer_id: str
    kind: str
    migration_id: str
    app_id: UUID
    cloud_app_key: str
    customer: str


@dataclass(frozen=True, slots=True)
class Event:
    """An entry of a timeline, and the app it belongs to."""

    entry: StreamEntry
    app_id: UUID

    @property
    def group(self) -> EventGroup:
        """Return the group that it belongs to."""
        entry = self.entry
        return EventGroup(
            entry.transfer_id,
            entry.kind,
            entry.migration_id,
            self.app_id,
            entry.cloud_app_key,
            entry.customer,
        )


async def last(tx: Transaction) -> int:
    """Return the greatest number so far."""
    return await SQL.last_event(tx.connection) or 0


async def after(
    tx: Transaction, seq: int, *, missing: Collection[int] = (), size: int
) -> list[Event]:
    """Return up to ``size`` entries after a number, and the ``missing`` ones that are there now."""
    rows = SQL.events_after(tx.connection, after=seq, missing=list(missing), size=size)
    return [
        Event(
            StreamEntry(
                seq=row["seq"],
                at=epoch_ms(row["at"]),
                kind=row["kind"],
                data=msgspec.json.decode(row["data"]),
                transfer_id=str(row["transfer_id"]),
                migration_id=str(row["migration_id"]),
                cloud_app_key=row["cloud_app_key"],
                environment=row["environment"],
                customer=row["customer"],
            ),
            row["app_id"],
        )
        async for row in rows
    ]


async def changes_after(
    tx: Transaction, seq: int, *, missing: Collection[int] = (), size: int
) -> dict[EventGroup, list[int]]:
    """Count up to ``size`` entries, and missing ones that have come, by their groups."""
    rows = SQL.changes_after(tx.connection, after=seq, missing=list(missing), size=size)
    return {
        EventGroup(
            str(row["transfer_id"]),
            row["kind"],
            str(row["migration_id"]),
            row["app_id"],
            row["cloud_app_key"],
            row["customer"],
        ): row["seqs"]
        async for row in rows
    }
