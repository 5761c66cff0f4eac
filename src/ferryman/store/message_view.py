"""Messages with their attempts, as admins see them."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from ferryman.clock import epoch_ms
from ferryman.store.database import SQL, Transaction
from ferryman.store.message import StoredMessage
from ferryman.wire.transfer import AttemptView, MessageView


async def views(tx: Transaction, messages: list[StoredMessage]) -> list[MessageView]:
    """Return the messages with their attempts as admin views."""
    attempts: dict[UUID, list[AttemptView]] = {message.message_id: [] for message in messages}
    async for row in SQL.attempts_of(tx.connection, message_ids=list(attempts)):
        attempts[row["message_id"]].append(AttemptView(**attempt_of(row)))
    places = {
        row["transfer_id"]: row
        async for row in SQL.places_of_transfers(
            tx.connection, transfer_ids=list({message.transfer_id for message in messages})
        )
    }
    for message in messages:
        ended = {attempt.number for attempt in attempts[message.message_id]}
        # The attempt may have ended after the message was read.
        if message.state.open_attempt and message.state.attempts not in ended:
            attempts[message.message_id].append(_running(message))
    return [
        _view(message, attempts[message.message_id], places[message.transfer_id])
        for message in messages
    ]


def attempt_of(row: Any) -> dict[str, Any]:
    """Return a row of the table as the members of a view."""
    same = {
        name: row[name] for name in AttemptView.__struct_fields__ if name not in ("started_at",)
    }
    return {**same, "started_at": epoch_ms(row["started_at"])}


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


def _view(message: StoredMessage, attempts: list[AttemptView], place: Any) -> MessageView:
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
        cloud_app_key=place["cloud_app_key"],
        environment=place["environment"],
        customer=place["customer"],
        migration_id=str(place["migration_id"]),
        migration_name=place["name"],
        cloud_url=place["cloud_url"],
    )
