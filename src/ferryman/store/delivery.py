"""The workers' queries: claim messages that are due and save the results of attempts.

Every function handles many messages, so that a worker makes few, large round trips.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ferryman.domain.outcome import Outcome
from ferryman.store.database import SQL, Transaction
from ferryman.store.message import StoredMessage, stored_message
from ferryman.vocab import EventType, FailureCause, MessageState

CHANNEL = "ferryman_due"
"""NOTIFY payload: the ``APP_ID EVENT_TYPE`` that became due, or nothing for "check all lanes"."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One app's messages of one event type, which all go to the same targets."""

    app_id: UUID
    event_type: EventType


@dataclass(frozen=True, slots=True)
class LaneDueTime:
    """Schedule of a lane: its due time, and whether its breaker is open, or was since a success."""

    at: datetime
    closed: bool
    tripped: bool


@dataclass(frozen=True, slots=True)
class ClaimedMessage:
    """A message this worker sends now, as attempt ``number``; ``payload`` is JSON."""

    message_id: UUID
    transfer_id: UUID
    lane: Lane
    payload: str
    number: int
    earlier: int
    reached: list[str]
    created_at: datetime
    trace: str | None = None
    retry_count: int = 0
    retry_context: str | None = None


@dataclass(frozen=True, slots=True)
class MessageUpdate:
    """The effect of an attempt on its message; ``over`` releases the message from its worker.

    ``retry_context`` is JSON that the function passes to its next call; None keeps the last one.
    """

    message_id: UUID
    state: MessageState
    reason: str | None
    due: datetime | None
    over: bool
    retry_context: str | None = None


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """A finished attempt to store; the caller has already bounded the texts.

    ``after_acknowledgement``: it failed after the app had acknowledged the message.
    ``returned``: only functions had the message and all returned, so none of them still runs.
    ``cause`` is the reason for a failure; ``error`` is set only if there is no outcome.
    """

    message_id: UUID
    number: int
    target: str | None
    started_at: datetime
    outcome: str
    details: Outcome | None
    after_acknowledgement: bool = False
    returned: bool = False
    cause: FailureCause | None = None
    error: str | None = None


async def due_lanes(tx: Transaction) -> dict[Lane, LaneDueTime]:
    """Return when the first message of each lane may be sent, in the past or the future."""
    lanes = {}
    async for row in SQL.due_lanes(tx.connection):
        at, until = row["next_attempt_at"], row["open_until"]
        closed = until is not None and until > tx.now
        due = LaneDueTime(max(at, until) if closed else at, closed=closed, tripped=row["tripped"])
        lanes[Lane(row["app_id"], EventType(row["event_type"]))] = due
    return lanes


async def claim(tx: Transaction, worker_id: UUID, quotas: dict[Lane, int]) -> list[ClaimedMessage]:
    """Claim due messages, up to the given number per lane."""
    lanes = {(lane.app_id, lane.event_type.value): lane for lane in quotas}
    rows = SQL.claim_messages(
        tx.connection,
        app_ids=[lane.app_id for lane in quotas],
        event_types=[lane.event_type.value for lane in quotas],
        quotas=list(quotas.values()),
        worker_id=worker_id,
        now=tx.now,
    )
    return [
        ClaimedMessage(
            row["message_id"],
            row["transfer_id"],
            lanes[row["app_id"], row["event_type"]],
            row["payload"],
            row["attempts"],
            row["earlier"],
            row["reached"],
            row["created_at"],
            row["trace"],
            row["retry_count"],
            row["retry_context"],
        )
        async for row in rows
    ]


async def close_lane(
    tx: Transaction, lane: Lane, reason: str, *, park: bool, size: int
) -> list[tuple[UUID, UUID]]:
    """Give up the messages waiting in a lane, or park them while their transfer runs.

    Returns the (message, transfer) ids of those given up.
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
    """Make an app's parked messages due and notify the workers."""
    await SQL.lock_parked_messages(tx.connection, app_id=app_id)
    await SQL.unpark_messages(tx.connection, app_id=app_id, now=tx.now)
    await notify_workers(tx)


async def notify_workers(tx: Transaction) -> None:
    """Notify all workers on commit to check every lane."""
    await SQL.notify_workers(tx.connection)


async def seconds_to_next(tx: Transaction) -> float | None:
    """Return seconds of platform time until the next message is due, or None if there is none."""
    lanes = await due_lanes(tx)
    return min(((due.at - tx.now).total_seconds() for due in lanes.values()), default=None)


async def work_due(tx: Transaction) -> bool:
    """Return whether any message is due or being sent.

    The order matters: a message claimed between the two queries is seen by the second one. In
    the opposite order it would be seen by neither.
    """
    seconds = await seconds_to_next(tx)
    if seconds is not None and seconds <= 0:
        return True
    return bool(await SQL.any_in_flight(tx.connection))


async def in_flight(tx: Transaction) -> int:
    """Return the number of messages held by workers."""
    return int(await SQL.count_in_flight(tx.connection))


async def lock(tx: Transaction, message_ids: list[UUID]) -> dict[UUID, StoredMessage]:
    """Lock these messages and return them by id."""
    rows = SQL.lock_messages(tx.connection, message_ids=message_ids)
    return {row["message_id"]: stored_message(row) async for row in rows}


async def save(tx: Transaction, ended: Sequence[MessageUpdate]) -> None:
    """Write the updates that the rules decided on."""
    await SQL.save_messages(
        tx.connection,
        message_ids=[message.message_id for message in ended],
        states=[message.state.value for message in ended],
        reasons=[message.reason for message in ended],
        due=[message.due for message in ended],
        over=[message.over for message in ended],
        retries=[message.retry_context for message in ended],
    )


async def record(tx: Transaction, attempts: Sequence[AttemptRow]) -> None:
    """Store finished attempts."""
    details = [each.details for each in attempts]
    raised = [None if each is None else each.raised for each in details]
    await SQL.record_attempts(
        tx.connection,
        message_ids=[each.message_id for each in attempts],
        numbers=[each.number for each in attempts],
        targets=[each.target for each in attempts],
        started=[each.started_at for each in attempts],
        outcomes=[each.outcome for each in attempts],
        durations=[None if each is None else round(each.duration * 1000) for each in details],
        stages=[None if each is None else each.stage for each in details],
        statuses=[None if each is None else each.status for each in details],
        errors=[each.error if each.details is None else each.details.error for each in attempts],
        outputs=[None if each is None else each.output for each in details],
        late=[each.after_acknowledgement for each in attempts],
        returned=[each.returned for each in attempts],
        left=[None if each is None else each.left or None for each in details],
        causes=[each.cause for each in attempts],
        classes=[None if each is None else each.error_class for each in raised],
        messages=[None if each is None else each.message for each in raised],
        frames=[None if each is None else each.frame for each in raised],
    )


async def recorded(
    tx: Transaction, attempts: Collection[tuple[UUID, int]]
) -> set[tuple[UUID, int]]:
    """Return those of the pairs (message id, attempt number) that have a stored outcome."""
    rows = SQL.recorded_attempts(
        tx.connection,
        message_ids=[message_id for message_id, _ in attempts],
        numbers=[number for _, number in attempts],
    )
    return {(row["message_id"], row["number"]) async for row in rows}
