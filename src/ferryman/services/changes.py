"""Apply a decision of the rules with all its consequences, in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from ferryman import refusals
from ferryman.domain import transfer as transfer_rules
from ferryman.domain.message import attempts_in_round
from ferryman.domain.transfer import Change
from ferryman.ids import derived_id_with_prefix
from ferryman.services.dependency import skip_dependants
from ferryman.services.event import payload_of
from ferryman.services.routing import routes_of, why_no_route
from ferryman.store import app as app_store
from ferryman.store import delivery as delivery_store
from ferryman.store import message as message_store
from ferryman.store import timeline as timeline_store
from ferryman.store import timer as timer_store
from ferryman.store import transfer as transfer_store
from ferryman.store import upload as upload_store
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
    """Write a decision of the rules with all its consequences, in the same transaction.

    ``fields`` holds the extra fields of the change's UPLOADED or ERRORED events, one item each.
    """
    before, after = stored.state, change.transfer
    if after == before and not change.events:
        return stored
    await transfer_store.save(tx, stored.transfer_id, after)
    stored = replace(stored, state=after)
    await _hold_or_release(tx, stored, was_paused=before.paused_at is not None)
    if after.status is not before.status:
        await timeline_store.write(
            tx, stored.transfer_id, "transfer.changed", before=before.status, after=after.status
        )
    own = iter(fields)
    extras = [(event, next(own) if event in _WITH_FIELDS else {}) for event in change.events]
    for event in dict.fromkeys(change.events):
        await _emit(tx, stored, event, [extra for each, extra in extras if each is event])
    if after.status.final:
        return await _end(tx, stored)
    # What is READY keeps the timer of its start.
    held = after.paused_at != before.paused_at and after.started_at is not None
    cancelled = after.cancel_requested_at != before.cancel_requested_at
    if stored.wake_at is None or cancelled or held:
        return await set_timer(tx, stored)
    return stored


async def count_unfinished(tx: Transaction, stored: StoredTransfer) -> StoredTransfer:
    """Count the unfinished files of a locked transfer, and admit no new one until the commit.

    Call it before a decision that may settle the transfer. Take no other lock between that of the
    transfer and this one.
    """
    await upload_store.hold_intake(tx, stored.transfer_id)
    unfinished = await upload_store.count_unfinished(tx, stored.transfer_id)
    return replace(stored, state=replace(stored.state, unfinished=unfinished))


def message_id_of(transfer_id: UUID, event: EventType, fields: Mapping[str, Any]) -> UUID:
    """Return the id of an event's message: the same event always has the same id (ADR 0035).

    A transfer has one event of each type, but one UPLOADED per file.
    """
    return derived_id_with_prefix(transfer_id, event, str(fields.get("key", "")))


async def set_timer(tx: Transaction, stored: StoredTransfer) -> StoredTransfer:
    """Set a transfer's only timer to the next instant at which something must be decided."""
    due = transfer_rules.next_wake(stored.state)
    if due == stored.wake_at:
        return stored
    await timer_store.set_timer(tx, stored.transfer_id, due)
    return replace(stored, wake_at=due)


async def _hold_or_release(tx: Transaction, stored: StoredTransfer, *, was_paused: bool) -> None:
    """Hold the messages of a transfer that is now paused; release them when it is not."""
    paused = stored.state.paused_at is not None
    if paused == was_paused:
        return
    if paused:
        await message_store.hold(tx, stored.transfer_id)
    else:
        await message_store.release(tx, stored.transfer_id)
        await delivery_store.notify_workers(tx)


async def _emit(
    tx: Transaction,
    stored: StoredTransfer,
    event_type: EventType,
    extras: Sequence[Mapping[str, Any]],
) -> None:
    """Queue an event for the cloud app for each of ``extras``; only note it if nothing listens.

    A Connect app may register its webhook later, so it gets every event that Connect apps get.
    """
    app = await app_store.by_id(tx, stored.app_id)
    if app is None:
        raise refusals.app.NOT_FOUND(id=stored.app_id)
    connect = app.kind is AppKind.CONNECT
    if connect and event_type is EventType.EXPORTED:
        return
    subscribed = connect or bool(routes_of(app, event_type))
    ids = [message_id_of(stored.transfer_id, event_type, extra) for extra in extras]
    # App data is acknowledged by its message, so it needs one even if nothing listens.
    if not subscribed and event_type is not EventType.UPLOADED:
        facts = _facts(event_type.value, ids, extras)
        entries = [("message.not_routed", fact) for fact in facts]
        await timeline_store.write_many(tx, stored.transfer_id, entries)
        return
    events = [
        payload_of(app, stored, event_type, message_id, dict(extra))
        for message_id, extra in zip(ids, extras, strict=True)
    ]
    facts = _facts(events[0].event_type.value, ids, extras)
    allowed = attempts_in_round(app.kind, event_type, settled=False)
    reason = None if subscribed else why_no_route(app)
    await message_store.insert(tx, stored, event_type, events, facts, allowed, reason)


def _facts(
    name: str, ids: Sequence[UUID], extras: Sequence[Mapping[str, Any]]
) -> list[dict[str, str]]:
    """Return the facts of messages that the timeline has."""
    return [
        {"messageId": str(message_id), "eventType": name, **_label_of(extra)}
        for message_id, extra in zip(ids, extras, strict=True)
    ]


def _label_of(extra: Mapping[str, Any]) -> dict[str, str]:
    return {"label": extra["label"]} if extra.get("label") else {}


async def _end(tx: Transaction, stored: StoredTransfer) -> StoredTransfer:
    """Clear the timer of a settled transfer, and stop announcing its app data.

    For a Connect app, the only event still sent is that the transfer settled.
    """
    reason = f"the transfer settled as {stored.state.status}"
    give_up = (
        message_store.give_up_all_but_settled
        if stored.state.kind is AppKind.CONNECT
        else message_store.give_up_app_data
    )
    for message_id in await give_up(tx, stored.transfer_id, reason):
        await timeline_store.write(
            tx, stored.transfer_id, "message.undelivered", messageId=str(message_id)
        )
    await upload_store.close_intake(tx, stored.transfer_id)
    await skip_dependants(tx, stored)
    return replace(stored, wake_at=None)
