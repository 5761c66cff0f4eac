"""What workers do with messages: claim those that are due, and save what came of them.

Everything here is for many messages at once: a worker makes few, large round trips.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from ferryman.domain.outcome import Outcome
from ferryman.store.database import SQL, Transaction
from ferryman.store.message import StoredMessage, stored_message
from ferryman.vocab import EventType, FailureCause, MessageState

CHANNEL = "ferryman_due"
"""NOTIFY on it says ``APP_ID EVENT_TYPE`` of what has become due, or nothing: look everywhere."""


@dataclass(frozen=True, slots=True)
class Lane:
    """The messages of one app that take the same way: those of one event."""

    app_id: UUID
    event_type: EventType


@dataclass(frozen=True, slots=True)
class Due:
    """When a lane is due; whether its breaker is open now, or was and may be again."""

    at: datetime
    closed: bool
    tripped: bool


@dataclass(frozen=True, slots=True)
class ClaimedMessage:
    """A message that this worker is to send now, as attempt ``number``; ``payload`` is JSON."""

    message_id: UUID
    transfer_id: UUID
    lane: Lane
    payload: str
    number: int
    earlier: int
    reached: list[str]
    created_at: datetime
    trace: str | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """What an attempt makes of its message. ``over``: the message is in nobody's hands now."""

    message_id: UUID
    state: MessageState
    reason: str | None
    due: datetime | None
    over: bool


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """An attempt that ended, as it is kept; texts are bounded by whoever made them.

    ``after_acknowledgement``: it failed, and the app had said that the message is processed.
    ``returned``: functions alone had the message and returned, so nothing of them runs on.
    ``cause`` is why it failed, and ``error`` too where there is no outcome.
    """

    message_id: UUID
    number: int
    target: str | None
    started_at: datetime
    outcome: str
    what: Outcome | None
    after_acknowledgement: bool = False
    returned: bool = False
    cause: FailureCause | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a transfer's timeline."""

    transfer_id: UUID
    kind: str
    data: dict[str, Any]


async def due_lanes(tx: Transaction) -> dict[Lane, Due]:
    """When the first message of each lane may be sent, be it in the past or to come."""
    found = {}
    async for row in SQL.due_lanes(tx.connection):
        at, until = row["next_attempt_at"], row["open_until"]
        closed = until is not None and until > tx.now
        due = Due(max(at, until) if closed else at, closed=closed, tripped=row["tripped"])
        found[Lane(row["app_id"], EventType(row["event_type"]))] = due
    return found


async def claim(tx: Transaction, worker_id: UUID, rooms: dict[Lane, int]) -> list[ClaimedMessage]:
    """Take so many due messages of each lane."""
    rows = SQL.claim_messages(
        tx.connection,
        app_ids=[lane.app_id for lane in rooms],
        event_types=[lane.event_type.value for lane in rooms],
        rooms=list(rooms.values()),
        worker_id=worker_id,
        now=tx.now,
    )
    return [
        ClaimedMessage(
            row["message_id"],
            row["transfer_id"],
            Lane(row["app_id"], EventType(row["event_type"])),
            row["payload"],
            row["attempts"],
            row["earlier"],
            row["reached"],
            row["created_at"],
            row["trace"],
        )
        async for row in rows
    ]


async def close_lane(
    tx: Transaction, lane: Lane, reason: str, *, park: bool, size: int
) -> list[tuple[UUID, UUID]]:
    """Give up what waits in a lane, or park it while its transfer runs: (message, transfer) ids.

    Those that were given up are returned.
    """
    rows = SQL.close_lane(
        tx.connection,
        app_id=lane.app_id,
        event_type=lane.event_type,
        reason=reason,
        park=park,
        size=size,
        now=tx.now,
    )
    return [
        (row["message_id"], row["transfer_id"])
        async for row in rows
        if row["state"] == MessageState.UNDELIVERED
    ]


async def unpark(tx: Transaction, app_id: UUID) -> None:
    """What was parked is due."""
    await SQL.unpark_messages(tx.connection, app_id=app_id, now=tx.now)
    await tell_workers(tx)


async def tell_workers(tx: Transaction) -> None:
    """Have the workers look at all lanes when this commits."""
    await SQL.tell_workers(tx.connection)


async def seconds_to_next(tx: Transaction) -> float | None:
    """Until the next message is due, in seconds of platform time; None without one."""
    lanes = await due_lanes(tx)
    return min(((due.at - tx.now).total_seconds() for due in lanes.values()), default=None)


async def work_due(tx: Transaction) -> bool:
    """Whether any message is due or being sent.

    Asked in this order: a message that is claimed between the two questions is seen by the
    second one, and by neither the other way round.
    """
    seconds = await seconds_to_next(tx)
    if seconds is not None and seconds <= 0:
        return True
    return bool(await SQL.any_in_flight(tx.connection))


async def in_flight(tx: Transaction) -> int:
    """How many messages are in a worker's hands."""
    return int(await SQL.count_in_flight(tx.connection))


async def lock(tx: Transaction, message_ids: list[UUID]) -> dict[UUID, StoredMessage]:
    """Those messages, locked."""
    rows = SQL.lock_messages(tx.connection, message_ids=message_ids)
    return {row["message_id"]: stored_message(row) async for row in rows}


async def save(tx: Transaction, ended: Sequence[Ended]) -> None:
    """Write what the rules made of each message."""
    await SQL.save_messages(
        tx.connection,
        message_ids=[each.message_id for each in ended],
        states=[each.state.value for each in ended],
        reasons=[each.reason for each in ended],
        due=[each.due for each in ended],
        over=[each.over for each in ended],
    )


async def record(tx: Transaction, attempts: Sequence[AttemptRow]) -> None:
    """Keep attempts that ended."""
    whats = [each.what for each in attempts]
    raised = [None if what is None else what.raised for what in whats]
    await SQL.record_attempts(
        tx.connection,
        message_ids=[each.message_id for each in attempts],
        numbers=[each.number for each in attempts],
        targets=[each.target for each in attempts],
        started=[each.started_at for each in attempts],
        outcomes=[each.outcome for each in attempts],
        durations=[None if what is None else round(what.duration * 1000) for what in whats],
        stages=[None if what is None else what.stage for what in whats],
        statuses=[None if what is None else what.status for what in whats],
        errors=[each.error if each.what is None else each.what.error for each in attempts],
        outputs=[None if what is None else what.output for what in whats],
        late=[each.after_acknowledgement for each in attempts],
        returned=[each.returned for each in attempts],
        left=[None if what is None else what.left or None for what in whats],
        causes=[each.cause for each in attempts],
        classes=[None if what is None else what.error_class for what in raised],
        messages=[None if what is None else what.message for what in raised],
        frames=[None if what is None else what.frame for what in raised],
    )


async def recorded(
    tx: Transaction, attempts: Collection[tuple[UUID, int]]
) -> set[tuple[UUID, int]]:
    """Those of the attempts, by message and number, of which an outcome is kept."""
    rows = SQL.recorded_attempts(
        tx.connection,
        message_ids=[message_id for message_id, _ in attempts],
        numbers=[number for _, number in attempts],
    )
    return {(row["message_id"], row["number"]) async for row in rows}


async def write(tx: Transaction, entries: Sequence[Entry]) -> None:
    """Add entries to timelines."""
    await SQL.write_entries(
        tx.connection,
        transfer_ids=[each.transfer_id for each in entries],
        kinds=[each.kind for each in entries],
        data=[msgspec.json.encode(each.data).decode() for each in entries],
        now=tx.now,
    )
