"""Facts for explaining a transfer: sums and samples, aggregated in the database."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from ferryman.domain.diagnosis.snapshot import HandledMessage, Sample
from ferryman.domain.outcome import Raised, reason_of
from ferryman.store.database import SQL, Transaction
from ferryman.vocab import EventType


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCount:
    """The number of messages of one event type, of their attempts, and by delivery state."""

    event_type: EventType
    created: int
    attempts: int
    delivered: int
    undelivered: int


async def events(tx: Transaction, transfer_id: UUID) -> list[EventCount]:
    """Return message counts by event type, in the order the types first occurred."""
    rows = SQL.events_of_transfer(tx.connection, transfer_id=transfer_id)
    return [
        EventCount(
            event_type=EventType(row["event_type"]),
            created=row["created"],
            attempts=row["attempts"],
            delivered=row["delivered"],
            undelivered=row["undelivered"],
        )
        async for row in rows
    ]


async def not_routed(tx: Transaction, transfer_id: UUID) -> list[str]:
    """Return the types of events that had no listener when they happened."""
    rows = SQL.events_not_routed(tx.connection, transfer_id=transfer_id)
    return [row["event_type"] async for row in rows]


async def in_trouble(tx: Transaction, transfer_id: UUID, size: int) -> list[UUID]:
    """Return up to ``size`` messages that did not get through, oldest first."""
    rows = SQL.messages_in_trouble(tx.connection, transfer_id=transfer_id, size=size)
    return [row["message_id"] async for row in rows]


async def outstanding_since(tx: Transaction, transfer_id: UUID) -> datetime | None:
    """Return when the oldest unacknowledged app-data message was created, or None."""
    at: datetime | None = await SQL.oldest_outstanding(tx.connection, transfer_id=transfer_id)
    return at


async def returned(tx: Transaction, transfer_id: UUID, size: int) -> Sample:
    """Return a sample of unacknowledged app-data messages whose function returned."""
    rows = SQL.returned_unacknowledged(tx.connection, transfer_id=transfer_id, size=size)
    return _sample([row async for row in rows])


async def failed_late(tx: Transaction, transfer_id: UUID, size: int) -> Sample:
    """Return a sample of attempts that failed after their message was acknowledged."""
    rows = SQL.failed_after_acknowledgement(tx.connection, transfer_id=transfer_id, size=size)
    return _sample([row async for row in rows])


async def running(tx: Transaction, transfer_id: UUID) -> int:
    """Return the number of the transfer's attempts that are still running."""
    return int(await SQL.running_attempts(tx.connection, transfer_id=transfer_id))


def _sample(rows: list[Any]) -> Sample:
    first = [
        HandledMessage(
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
    exception = (
        None if name is None else Raised(name, row["error_message"] or "", row["error_frame"])
    )
    return reason_of(exception, row["error"])


async def last_reports(tx: Transaction, transfer_id: UUID) -> dict[str, datetime]:
    """Return when a Connect app last reported progress and when a report was last ignored."""
    rows = SQL.last_reports(tx.connection, transfer_id=transfer_id)
    return {row["kind"]: row["at"] async for row in rows}


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """When a transfer was created, which agent claimed it last, and whether its details are gone.

    ``silence`` is the real time since the agent's last call.
    """

    created_at: datetime
    at: datetime | None
    by: str | None
    confirmed: bool
    silence: timedelta
    details_removed: bool


async def claim_of(tx: Transaction, transfer_id: UUID) -> ClaimRow:
    """Return the claim of an existing transfer."""
    row = await SQL.claim_of_transfer(tx.connection, transfer_id=transfer_id)
    return ClaimRow(
        created_at=row["created_at"],
        at=row["claimed_at"],
        by=row["claimed_by"],
        confirmed=row["claim_confirmed"],
        silence=row["silence"] or timedelta(0),
        details_removed=row["details_removed_at"] is not None,
    )
