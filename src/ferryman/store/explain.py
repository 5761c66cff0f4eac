"""What a transfer is explained by, counted where it is: sums and samples, never all of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from ferryman.domain.outcome import Raised, reason_of
from ferryman.domain.snapshot import Handled, Sample
from ferryman.store.database import SQL, Transaction
from ferryman.vocab import EventType


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCount:
    """Messages of one type."""

    event_type: EventType
    created: int
    delivered: int
    undelivered: int


async def events(tx: Transaction, transfer_id: UUID) -> list[EventCount]:
    """By type, in the order in which they first came."""
    rows = SQL.events_of_transfer(tx.connection, transfer_id=transfer_id)
    return [
        EventCount(
            event_type=EventType(row["event_type"]),
            created=row["created"],
            delivered=row["delivered"],
            undelivered=row["undelivered"],
        )
        async for row in rows
    ]


async def not_routed(tx: Transaction, transfer_id: UUID) -> list[str]:
    """Types of events that nobody listened for when they happened."""
    rows = SQL.events_not_routed(tx.connection, transfer_id=transfer_id)
    return [row["event_type"] async for row in rows]


async def in_trouble(tx: Transaction, transfer_id: UUID, size: int) -> list[UUID]:
    """Messages that did not get through, the oldest first."""
    rows = SQL.messages_in_trouble(tx.connection, transfer_id=transfer_id, size=size)
    return [row["message_id"] async for row in rows]


async def outstanding_since(tx: Transaction, transfer_id: UUID) -> datetime | None:
    """When the oldest message of app data was created that nobody acknowledged."""
    at: datetime | None = await SQL.oldest_outstanding(tx.connection, transfer_id=transfer_id)
    return at


async def returned(tx: Transaction, transfer_id: UUID, size: int) -> Sample:
    """Outstanding messages of app data whose function returned."""
    rows = SQL.returned_unacknowledged(tx.connection, transfer_id=transfer_id, size=size)
    return _sample([row async for row in rows])


async def failed_late(tx: Transaction, transfer_id: UUID, size: int) -> Sample:
    """Attempts that failed after their message was acknowledged."""
    rows = SQL.failed_after_acknowledgement(tx.connection, transfer_id=transfer_id, size=size)
    return _sample([row async for row in rows])


async def running(tx: Transaction, transfer_id: UUID) -> int:
    """How many attempts of the transfer have not ended."""
    return int(await SQL.running_attempts(tx.connection, transfer_id=transfer_id))


def _sample(rows: list[Any]) -> Sample:
    first = [
        Handled(
            message_id=str(row["message_id"]),
            file=row["file"],
            target=row["target"] or "the app",
            error=_why(row) if row.get("error") else None,
            left=row.get("left_running"),
        )
        for row in rows
    ]
    return Sample(rows[0]["found"] if rows else 0, tuple(first))


def _why(row: Any) -> str:
    name = row["error_class"]
    what = None if name is None else Raised(name, row["error_message"] or "", row["error_frame"])
    return reason_of(what, row["error"])


async def last_reports(tx: Transaction, transfer_id: UUID) -> dict[str, datetime]:
    """When a Connect app last reported progress, and when a report was last ignored."""
    rows = SQL.last_reports(tx.connection, transfer_id=transfer_id)
    return {row["kind"]: row["at"] async for row in rows}


@dataclass(frozen=True, slots=True)
class Claim:
    """When a transfer was created, which agent last took it, whether its details are gone.

    ``silence`` is how long ago its client made a call, in real time.
    """

    created_at: datetime
    at: datetime | None
    by: str | None
    confirmed: bool
    silence: timedelta
    details_removed: bool


async def claim_of(tx: Transaction, transfer_id: UUID) -> Claim:
    """Of a transfer that there is."""
    row = await SQL.claim_of_transfer(tx.connection, transfer_id=transfer_id)
    return Claim(
        created_at=row["created_at"],
        at=row["claimed_at"],
        by=row["claimed_by"],
        confirmed=row["claim_confirmed"],
        silence=row["silence"] or timedelta(0),
        details_removed=row["details_removed_at"] is not None,
    )
