"""Messages, which are also the outbox: their state, and the event to send (ADR 0023)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from ferryman import tracing
from ferryman.domain.message import Message
from ferryman.store.database import SQL, Transaction
from ferryman.store.transfer import StoredTransfer
from ferryman.vocab import Acknowledged, AckStatus, EventType, MessageState
from ferryman.wire.connect import ConnectEvent
from ferryman.wire.message import ForgeEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessage:
    """A message; ``state`` is the part the rules decide on, ``payload`` the JSON to send.

    ``reached`` lists the webhooks that accepted it.
    """

    message_id: UUID
    position: int
    transfer_id: UUID
    app_id: UUID
    event_type: EventType
    payload: str
    reason: str | None
    acknowledged_at: datetime | None
    next_attempt_at: datetime | None
    created_at: datetime
    claimed_at: datetime | None
    reached: list[str]
    state: Message


async def insert(
    tx: Transaction,
    stored: StoredTransfer,
    event_type: EventType,
    events: Sequence[ForgeEvent | ConnectEvent],
    entries: Sequence[Mapping[str, str]],
    allowed: int | None,
    reason: str | None = None,
) -> None:
    """Insert messages that are due at once, or held if the transfer is paused.

    The timeline gets ``entries``, one of each message.

    With a ``reason`` they are stored as undelivered from the start, so that admins can see them.
    """
    await SQL.insert_messages(
        tx.connection,
        message_ids=[UUID(event.message_id) for event in events],
        payloads=[msgspec.json.encode(event).decode() for event in events],
        entries=[msgspec.json.encode(entry).decode() for entry in entries],
        transfer_id=stored.transfer_id,
        app_id=stored.app_id,
        event_type=event_type,
        allowed=allowed,
        reason=reason,
        held=stored.state.paused_at is not None,
        trace=tracing.current(),
        now=tx.now,
    )


async def lock(tx: Transaction, message_id: UUID) -> StoredMessage | None:
    """Return a message, locked until the transaction ends."""
    row = await SQL.lock_message(tx.connection, message_id=message_id)
    return None if row is None else stored_message(row)


async def lock_many(
    tx: Transaction, transfer_id: UUID, message_ids: list[UUID]
) -> list[StoredMessage]:
    """Lock and return the given ids that are messages of the transfer."""
    rows = SQL.lock_messages_of(tx.connection, transfer_id=transfer_id, message_ids=message_ids)
    return [stored_message(row) async for row in rows]


async def acknowledge(
    tx: Transaction, transfer_id: UUID, message_ids: list[UUID], status: AckStatus
) -> None:
    """Record the first acknowledgement of these messages, also in the timeline."""
    await SQL.acknowledge_messages(
        tx.connection,
        transfer_id=transfer_id,
        message_ids=message_ids,
        status=status,
        now=tx.now,
    )


async def give_up_app_data(tx: Transaction, transfer_id: UUID, reason: str) -> list[UUID]:
    """Stop delivering app data of a settled transfer; returns the messages given up."""
    rows = SQL.give_up_app_data(tx.connection, transfer_id=transfer_id, reason=reason)
    return [row["message_id"] async for row in rows]


async def give_up_all_but_settled(tx: Transaction, transfer_id: UUID, reason: str) -> list[UUID]:
    """Stop all deliveries of a settled transfer but ``settled``; returns the messages given up."""
    rows = SQL.give_up_all_but_settled(tx.connection, transfer_id=transfer_id, reason=reason)
    return [row["message_id"] async for row in rows]


async def hold(tx: Transaction, transfer_id: UUID) -> None:
    """Let no attempt begin for a transfer that is paused."""
    await SQL.lock_waiting_messages(tx.connection, transfer_id=transfer_id)
    await SQL.hold_messages(tx.connection, transfer_id=transfer_id)


async def release(tx: Transaction, transfer_id: UUID) -> None:
    """Make the held messages of a transfer due at once."""
    await SQL.lock_waiting_messages(tx.connection, transfer_id=transfer_id)
    await SQL.release_messages(tx.connection, transfer_id=transfer_id, now=tx.now)


async def reach(tx: Transaction, message_id: UUID, urls: list[str]) -> None:
    """Record that these webhooks accepted the message."""
    await SQL.message_reached(tx.connection, message_id=message_id, urls=urls)


async def outstanding(tx: Transaction, transfer_id: UUID, size: int) -> list[UUID]:
    """Return messages of app data without acknowledgement, oldest first."""
    rows = SQL.outstanding_messages(tx.connection, transfer_id=transfer_id, size=size)
    return [row["message_id"] async for row in rows]


async def reset(tx: Transaction, message_id: UUID, more: int | None) -> None:
    """Re-queue a message with ``more`` further attempts, or unlimited ones if None."""
    await SQL.reset_message(tx.connection, message_id=message_id, more=more, now=tx.now)


async def by_id(tx: Transaction, message_id: UUID) -> StoredMessage | None:
    """Return a message, or None."""
    row = await SQL.message_by_id(tx.connection, message_id=message_id)
    return None if row is None else stored_message(row)


async def page(
    tx: Transaction,
    transfer_id: UUID,
    *,
    state: MessageState | None = None,
    acknowledgement: Acknowledged | None = None,
    after: int,
    size: int,
) -> list[StoredMessage]:
    """Return matching messages of a transfer after position ``after``, oldest first."""
    rows = SQL.message_page(
        tx.connection,
        transfer_id=transfer_id,
        state=state,
        acknowledgement=acknowledgement,
        after=after,
        size=size,
    )
    return [stored_message(row) async for row in rows]


class _Labelled(msgspec.Struct):
    label: str | None = None


_LABELLED = msgspec.json.Decoder(_Labelled)


def label_in(payload: str) -> str | None:
    """Return the label of the file that a message announces, or None."""
    return _LABELLED.decode(payload).label


def stored_message(row: Any) -> StoredMessage:
    """Read a row of the table."""
    acknowledgement = row["acknowledgement"]
    return StoredMessage(
        message_id=row["message_id"],
        position=row["position"],
        transfer_id=row["transfer_id"],
        app_id=row["app_id"],
        event_type=EventType(row["event_type"]),
        payload=row["payload"],
        reason=row["reason"],
        acknowledged_at=row["acknowledged_at"],
        next_attempt_at=row["next_attempt_at"],
        created_at=row["created_at"],
        claimed_at=row["claimed_at"],
        reached=row["reached"],
        state=Message(
            state=MessageState(row["state"]),
            acknowledgement=None if acknowledgement is None else AckStatus(acknowledgement),
            attempts=row["attempts"],
            allowed=row["allowed"],
            earlier=row["earlier"],
            open_attempt=row["worker_id"] is not None,
        ),
    )
