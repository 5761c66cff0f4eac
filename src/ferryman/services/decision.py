"""Writing a decision of the rules, with all that follows from it, in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from ferryman.domain import transfer as rules
from ferryman.domain.message import attempts_in_round
from ferryman.domain.transfer import Change
from ferryman.errors import not_found
from ferryman.ids import derived_within
from ferryman.services.dependency import skip_dependants
from ferryman.services.event import payload_of
from ferryman.services.routing import no_way, routes_of
from ferryman.store import app as apps
from ferryman.store import message as messages
from ferryman.store import queue, timeline
from ferryman.store import transfer as transfers
from ferryman.store import upload as uploads
from ferryman.store.database import Transaction
from ferryman.store.transfer import StoredTransfer
from ferryman.vocab import AppKind, EventType

_WITH_FIELDS = (EventType.UPLOADED, EventType.ERRORED)


async def apply(
    tx: Transaction,
    stored: StoredTransfer,
    change: Change,
    *,
    fields: Sequence[Mapping[str, Any]] = (),
) -> StoredTransfer:
    """Write a decision of the rules, with all that follows from it, in the same transaction.

    ``fields`` go to the UPLOADED or ERRORED events of the change, to each its own.
    """
    before, after = stored.state, change.transfer
    if after == before and not change.events:
        return stored
    await transfers.save(tx, stored.transfer_id, after)
    stored = replace(stored, state=after)
    if after.status is not before.status:
        await timeline.write(
            tx, stored.transfer_id, "transfer.changed", before=before.status, after=after.status
        )
    own = iter(fields)
    extras = [(event, next(own) if event in _WITH_FIELDS else {}) for event in change.events]
    for event in dict.fromkeys(change.events):
        await _emit(tx, stored, event, [extra for each, extra in extras if each is event])
    if after.status.final:
        return await _end(tx, stored)
    if stored.wake_job_id is None or after.cancel_requested_at != before.cancel_requested_at:
        return await set_timer(tx, stored)
    return stored


async def count_unfinished(tx: Transaction, stored: StoredTransfer) -> StoredTransfer:
    """A locked transfer with its unfinished files counted; none begins until the transaction ends.

    Needed before a decision that may settle it. Take no other lock between that of the transfer
    and this one.
    """
    await uploads.hold_intake(tx, stored.transfer_id)
    unfinished = await uploads.count_unfinished(tx, stored.transfer_id)
    return replace(stored, state=replace(stored.state, unfinished=unfinished))


def message_id_of(transfer_id: UUID, event: EventType, fields: Mapping[str, Any]) -> UUID:
    """The id of an event's message: the same one whenever the same thing happens (ADR 0035).

    A transfer has an event of each kind once, and one of each file.
    """
    return derived_within(transfer_id, event, str(fields.get("key", "")))


async def set_timer(tx: Transaction, stored: StoredTransfer) -> StoredTransfer:
    """Set the one timer of a transfer to when something is next to be decided."""
    due = rules.next_wake(stored.state)
    if due is None:
        return stored
    if stored.wake_job_id is not None:
        await queue.delete_job(tx, stored.wake_job_id)
    job_id = await queue.enqueue_wake(tx, stored.transfer_id, due)
    await transfers.set_wake_job(tx, stored.transfer_id, job_id)
    return replace(stored, wake_job_id=job_id)


async def _emit(
    tx: Transaction,
    stored: StoredTransfer,
    event_type: EventType,
    extras: Sequence[Mapping[str, Any]],
) -> None:
    """Owe the cloud app an event for each of ``extras``; what it does not listen to is noted.

    A Connect app may register its address later, so it is owed all that Connect apps are told.
    """
    app = await apps.by_id(tx, stored.app_id)
    if app is None:
        raise not_found("app", stored.app_id)
    connect = app.kind is AppKind.CONNECT
    if connect and event_type is EventType.EXPORTED:
        return
    subscribed = connect or bool(routes_of(app, event_type))
    ids = [message_id_of(stored.transfer_id, event_type, extra) for extra in extras]
    name = event_type.value
    # App data must have a message to be acknowledged by, even if nobody listens for it.
    owed = subscribed or event_type is EventType.UPLOADED
    if owed:
        events = [
            payload_of(app, stored, event_type, message_id, dict(extra))
            for message_id, extra in zip(ids, extras, strict=True)
        ]
        name = events[0].event_type.value
        allowed = attempts_in_round(app.kind, event_type, settled=False)
        reason = None if subscribed else no_way(app)
        await messages.insert(tx, stored, event_type, events, allowed, reason)
    kind = "message.created" if owed else "message.not_routed"
    facts = [{"messageId": str(message_id), "eventType": name} for message_id in ids]
    await timeline.write_many(tx, stored.transfer_id, [(kind, each) for each in facts])


async def _end(tx: Transaction, stored: StoredTransfer) -> StoredTransfer:
    """A final state owns no timer, and its app data is not announced any more.

    Of a Connect app's transfer nothing is, but that it settled.
    """
    reason = f"the transfer settled as {stored.state.status}"
    give_up = (
        messages.give_up_all_but_settled
        if stored.state.kind is AppKind.CONNECT
        else messages.give_up_app_data
    )
    for message_id in await give_up(tx, stored.transfer_id, reason):
        await timeline.write(
            tx, stored.transfer_id, "message.undelivered", messageId=str(message_id)
        )
    if stored.wake_job_id is not None:
        await queue.delete_job(tx, stored.wake_job_id)
        await transfers.set_wake_job(tx, stored.transfer_id, None)
    await uploads.close_intake(tx, stored.transfer_id)
    await skip_dependants(tx, stored)
    return replace(stored, wake_job_id=None)
