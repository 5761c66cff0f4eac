"""Messages and the attempts at delivering them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from ferryman import tracing
from ferryman.clock import epoch_ms
from ferryman.domain.message import Message
from ferryman.store.database import SQL, Transaction
from ferryman.store.transfer import StoredTransfer
from ferryman.vocab import AckStatus, EventType, MessageState
from ferryman.wire.connect import ConnectEvent
from ferryman.wire.message import ForgeEvent
from ferryman.wire.transfer import AttemptView, MessageView


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessage:
    """A message; ``state`` is the part that has rules, ``payload`` what is sent, as JSON.

    ``reached`` are webhooks that took it.
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
    allowed: int | None,
    reason: str | None = None,
) -> None:
    """Messages that are owed from now on, due at once; the workers are told.

    With a ``reason`` they are given up from the start, visibly.
    """
    await SQL.insert_messages(
        tx.connection,
        message_ids=[UUID(event.message_id) for event in events],
        payloads=[msgspec.json.encode(event).decode() for event in events],
        transfer_id=stored.transfer_id,
        app_id=stored.app_id,
        event_type=event_type,
        allowed=allowed,
        reason=reason,
        trace=tracing.current(),
        now=tx.now,
    )


async def lock(tx: Transaction, message_id: UUID) -> StoredMessage | None:
    """One message, locked until the transaction ends."""
    row = await SQL.lock_message(tx.connection, message_id=message_id)
    return None if row is None else stored_message(row)


async def lock_many(
    tx: Transaction, transfer_id: UUID, message_ids: list[UUID]
) -> list[StoredMessage]:
    """Those of the ids that are messages of that transfer, locked."""
    rows = SQL.lock_messages_of(tx.connection, transfer_id=transfer_id, message_ids=message_ids)
    return [stored_message(row) async for row in rows]


async def acknowledge(
    tx: Transaction, transfer_id: UUID, message_ids: list[UUID], status: AckStatus
) -> None:
    """Record the first acknowledgement of these messages, in the timeline as well."""
    await SQL.acknowledge_messages(
        tx.connection,
        transfer_id=transfer_id,
        message_ids=message_ids,
        status=status,
        now=tx.now,
    )


async def give_up_app_data(tx: Transaction, transfer_id: UUID, reason: str) -> list[UUID]:
    """Stop delivering app data of a settled transfer; the messages given up."""
    rows = SQL.give_up_app_data(tx.connection, transfer_id=transfer_id, reason=reason)
    return [row["message_id"] async for row in rows]


async def give_up_all_but_settled(tx: Transaction, transfer_id: UUID, reason: str) -> list[UUID]:
    """Stop delivering what a settled transfer still owed; the messages given up."""
    rows = SQL.give_up_all_but_settled(tx.connection, transfer_id=transfer_id, reason=reason)
    return [row["message_id"] async for row in rows]


async def reach(tx: Transaction, message_id: UUID, urls: list[str]) -> None:
    """Those webhooks took the message."""
    await SQL.message_reached(tx.connection, message_id=message_id, urls=urls)


async def outstanding(tx: Transaction, transfer_id: UUID, size: int) -> list[UUID]:
    """Messages of app data that nobody acknowledged yet, oldest first."""
    rows = SQL.outstanding_messages(tx.connection, transfer_id=transfer_id, size=size)
    return [row["message_id"] async for row in rows]


async def reset(tx: Transaction, message_id: UUID, more: int | None) -> None:
    """Allow ``more`` attempts, or as many as it takes."""
    await SQL.reset_message(tx.connection, message_id=message_id, more=more, now=tx.now)


async def by_id(tx: Transaction, message_id: UUID) -> StoredMessage | None:
    """One message."""
    row = await SQL.message_by_id(tx.connection, message_id=message_id)
    return None if row is None else stored_message(row)


async def page(tx: Transaction, transfer_id: UUID, *, after: int, size: int) -> list[StoredMessage]:
    """Messages of a transfer after position ``after``, oldest first."""
    rows = SQL.message_page(tx.connection, transfer_id=transfer_id, after=after, size=size)
    return [stored_message(row) async for row in rows]


async def views(tx: Transaction, messages: list[StoredMessage]) -> list[MessageView]:
    """The messages with their attempts, as an admin sees them."""
    attempts: dict[UUID, list[AttemptView]] = {message.message_id: [] for message in messages}
    async for row in SQL.attempts_of(tx.connection, message_ids=list(attempts)):
        attempts[row["message_id"]].append(
            AttemptView(
                number=row["number"],
                target=row["target"],
                started_at=epoch_ms(row["started_at"]),
                duration_ms=row["duration_ms"],
                outcome=row["outcome"],
                stage=row["stage"],
                status=row["status"],
                error=row["error"],
                output=row["output"],
                after_acknowledgement=row["after_acknowledgement"],
                returned=row["returned"],
                left_running=row["left_running"],
                cause=row["cause"],
                error_class=row["error_class"],
                error_message=row["error_message"],
                error_frame=row["error_frame"],
            )
        )
    for message in messages:
        if message.state.open_attempt:
            attempts[message.message_id].append(_running(message))
    return [_view(message, attempts[message.message_id]) for message in messages]


def _running(message: StoredMessage) -> AttemptView:
    return AttemptView(
        number=message.state.attempts,
        target=None,
        started_at=epoch_ms(message.claimed_at or message.created_at),
        duration_ms=None,
        outcome="RUNNING",
        stage=None,
        status=None,
        error=None,
        output=None,
    )


def _view(message: StoredMessage, attempts: list[AttemptView]) -> MessageView:
    def ms(moment: datetime | None) -> int | None:
        return None if moment is None else epoch_ms(moment)

    payload = msgspec.json.decode(message.payload)
    return MessageView(
        message_id=str(message.message_id),
        transfer_id=str(message.transfer_id),
        event_type=payload["eventType"],
        key=payload.get("key") or payload.get("s3Key"),
        label=payload.get("label"),
        state=message.state.state,
        reason=message.reason,
        acknowledgement=message.state.acknowledgement,
        created_at=epoch_ms(message.created_at),
        acknowledged_at=ms(message.acknowledged_at),
        next_attempt_at=ms(message.next_attempt_at),
        attempts=attempts,
    )


def stored_message(row: Any) -> StoredMessage:
    """A row of the table."""
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
