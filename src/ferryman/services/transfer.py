"""Transfers: every change of state goes through :func:`apply`."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

import msgspec

from ferryman.clock import epoch_ms
from ferryman.domain import transfer as rules
from ferryman.domain.limits import LOG_CHARACTERS
from ferryman.domain.transfer import Change
from ferryman.errors import Conflict, not_found
from ferryman.ids import new_id
from ferryman.services.app import routes_of
from ferryman.services.platform import Platform, check_text, parse_id
from ferryman.services.release import release
from ferryman.store import app as apps
from ferryman.store import message as messages
from ferryman.store import queue, timeline
from ferryman.store import transfer as transfers
from ferryman.store.app import App
from ferryman.store.database import Transaction
from ferryman.store.transfer import StoredTransfer
from ferryman.vocab import EventType, TransferStatus
from ferryman.wire.listener import ListenerError
from ferryman.wire.message import ForgeEvent, TransferError
from ferryman.wire.transfer import RerunAnswer, TransferView

_NAMED_MESSAGES = 100
"""How many unacknowledged messages a transfer's view names."""


async def lock_own(tx: Transaction, app: App, transfer_id: str) -> StoredTransfer:
    """The app's own transfer, locked; any other looks like none."""
    return _own(tx, app, transfer_id, await transfers.lock(tx, parse_id("transfer", transfer_id)))


async def load_own(tx: Transaction, app: App, transfer_id: str) -> StoredTransfer:
    """The app's own transfer, as last committed."""
    return _own(tx, app, transfer_id, await transfers.by_id(tx, parse_id("transfer", transfer_id)))


async def load_live(tx: Transaction, app: App, transfer_id: str, doing: str) -> StoredTransfer:
    """The app's own transfer, refused when it is settled."""
    stored = await load_own(tx, app, transfer_id)
    rules.check_live(stored.state, doing)
    return stored


async def lock_exporting(tx: Transaction, app: App, transfer_id: str) -> StoredTransfer:
    """The app's own transfer for the server app's calls.

    A released transfer that no agent claimed begins with the first of them, so that a script
    can export without an agent.
    """
    stored = await lock_own(tx, app, transfer_id)
    if stored.state.status is TransferStatus.READY and stored.released_at is not None:
        return await start(tx, stored)
    return stored


async def start(tx: Transaction, stored: StoredTransfer) -> StoredTransfer:
    """The listener is called."""
    return await apply(tx, stored, rules.start(stored.state, tx.now))


async def apply(
    tx: Transaction,
    stored: StoredTransfer,
    change: Change,
    *,
    message_id: UUID | None = None,
    fields: Mapping[str, Any] | None = None,
) -> StoredTransfer:
    """Write a decision of the rules, with all that follows from it, in the same transaction.

    ``message_id`` and ``fields`` go to an UPLOADED or ERRORED event of the change.
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
    for event in change.events:
        extra = dict(fields or {}) if event in _WITH_FIELDS else {}
        own_id = message_id if event is EventType.UPLOADED else None
        await _emit(tx, stored, event, own_id or new_id(), extra)
    if after.status.final:
        return await _end(tx, stored)
    if stored.wake_job_id is None or after.cancel_requested_at != before.cancel_requested_at:
        return await _set_timer(tx, stored)
    return stored


async def wake(platform: Platform, transfer_id: UUID, job_id: int) -> None:
    """The timer of a transfer fired. A job that is no longer its timer changes nothing."""
    async with platform.database.transaction() as tx:
        stored = await transfers.lock(tx, transfer_id)
        if stored is None or stored.wake_job_id != job_id or stored.state.status.final:
            return
        stored = await apply(tx, stored, rules.wake(stored.state, tx.now))
        if not stored.state.status.final:
            await _set_timer(tx, replace(stored, wake_job_id=None))


async def complete_export(platform: Platform, app: App, transfer_id: str) -> None:
    """The server app has exported everything."""
    async with platform.database.transaction() as tx:
        stored = await lock_exporting(tx, app, transfer_id)
        await apply(tx, stored, rules.complete_export(stored.state, tx.now))


async def record_error(
    platform: Platform, app: App, transfer_id: str, error: ListenerError
) -> None:
    """The listener threw."""
    check_text("exception_type", error.exception_type, longest=LOG_CHARACTERS)
    check_text("stack_trace", error.safe_stack_trace, longest=LOG_CHARACTERS)
    async with platform.database.transaction() as tx:
        stored = await lock_exporting(tx, app, transfer_id)
        change = rules.record_error(stored.state, tx.now)
        await transfers.record_listener_error(tx, stored.transfer_id, error)
        transfer_error = TransferError(
            exception_type=error.exception_type, safe_stack_trace=error.safe_stack_trace
        )
        await apply(tx, stored, change, fields={"transfer_error": transfer_error})


async def cancel(platform: Platform, transfer_id: str) -> None:
    """The admin cancels."""
    async with platform.database.transaction() as tx:
        stored = await _lock_any(tx, transfer_id)
        await apply(tx, stored, rules.cancel(stored.state, tx.now))


async def rerun(platform: Platform, transfer_id: str) -> RerunAnswer:
    """Run a FAILED or INCOMPLETE transfer again, under a new id that agents may claim at once."""
    async with platform.database.transaction() as tx:
        stored = await _lock_any(tx, transfer_id)
        original = stored.original_transfer_id or stored.transfer_id
        # Re-runs of one original take their turn, from whichever of its transfers they start.
        await transfers.lock(tx, original)
        if running := await transfers.open_rerun(tx, original):
            raise Conflict(
                "rerun_running",
                expected="no re-run that is still going on",
                found=f"transfer {running}",
                fix="Watch that one; when it fails it can be re-run again.",
            )
        first = await transfers.first_start(tx, original)
        rules.check_rerun(stored.state, first, tx.now)
        again = new_id()
        await transfers.insert(
            tx,
            transfer_id=again,
            migration_id=stored.migration_id,
            app_id=stored.app_id,
            window=stored.state.window,
            original_transfer_id=original,
            released=True,
        )
        await timeline.write(tx, stored.transfer_id, "transfer.rerun", transferId=str(again))
        await timeline.write(tx, again, "transfer.created", originalTransferId=str(original))
    return RerunAnswer(transfer_id=str(again), original_transfer_id=str(original))


async def add_log(platform: Platform, app: App, transfer_id: str, message: str) -> None:
    """A line that the cloud app shows to the customer."""
    check_text("message", message, longest=LOG_CHARACTERS)
    async with platform.database.transaction() as tx:
        stored = await lock_own(tx, app, transfer_id)
        rules.check_live(stored.state, "adding a log line")
        await timeline.write(tx, stored.transfer_id, "log.added", message=message)


async def view(platform: Platform, transfer_id: str) -> TransferView:
    """All that an admin wants to know of a transfer."""
    async with platform.database.transaction() as tx:
        stored = await transfers.by_id(tx, parse_id("transfer", transfer_id))
        if stored is None:
            raise not_found("transfer", transfer_id)
        counts = await transfers.counts(tx, stored.transfer_id)
        open_messages: list[UUID] = []
        if not stored.state.status.final:
            open_messages = await messages.outstanding(tx, stored.transfer_id, _NAMED_MESSAGES)
    state = stored.state
    limit = None if state.status.final else rules.deadline(state)
    times = {
        "started_at": state.started_at,
        "deadline": limit.at if limit else None,
        "expires_at": rules.expires_at(state),
        "export_completed_at": state.export_completed_at,
        "settled_at": state.settled_at,
    }
    return TransferView(
        transfer_id=str(stored.transfer_id),
        original_transfer_id=_text(stored.original_transfer_id),
        migration_details=stored.details,
        kind=state.kind,
        server_app_key=stored.server_app_key,
        cloud_app_key=stored.cloud_app_key,
        environment=stored.environment,
        status=state.status,
        status_message=stored.status_message,
        progress=state.progress,
        deadline_moved_by=limit.moved_by if limit else None,
        files=state.files,
        bytes=stored.bytes,
        messages=counts.messages,
        attempts=counts.attempts,
        acknowledged=state.succeeded + state.failed,
        failed=state.failed,
        undelivered=counts.undelivered,
        unacknowledged_message_ids=[str(message_id) for message_id in open_messages],
        **{name: None if at is None else epoch_ms(at) for name, at in times.items()},
    )


_WITH_FIELDS = (EventType.UPLOADED, EventType.ERRORED)


async def _emit(
    tx: Transaction,
    stored: StoredTransfer,
    event_type: EventType,
    message_id: UUID,
    extra: dict[str, Any],
) -> None:
    """Owe the cloud app an event; one that it does not listen to is noted, not sent."""
    if event_type is EventType.SETTLED:
        extra["transfer_status"] = stored.state.status.value
    event = ForgeEvent(
        event_type=event_type,
        transfer_id=str(stored.transfer_id),
        migration_details=stored.details,
        message_id=str(message_id),
        server_app_version=stored.server_app_version,
        original_transfer_id=_text(stored.original_transfer_id) or msgspec.UNSET,
        **extra,
    )
    app = await apps.by_id(tx, stored.app_id)
    subscribed = app is not None and bool(routes_of(app, event_type))
    facts = {"messageId": str(message_id), "eventType": event_type.value}
    if not subscribed and event_type is not EventType.UPLOADED:
        await timeline.write(tx, stored.transfer_id, "message.not_routed", **facts)
        return
    await messages.insert(tx, stored.app_id, event)
    await timeline.write(tx, stored.transfer_id, "message.created", **facts)
    if subscribed:
        await release(tx, stored.app_id)
    else:
        # App data must have a message to be acknowledged by, even if nobody listens for it.
        await messages.give_up(tx, message_id, "no trigger of the app listens for this event")


async def _end(tx: Transaction, stored: StoredTransfer) -> StoredTransfer:
    """A final state owns no timer, and its app data is not announced any more."""
    for message_id in await messages.give_up_app_data(
        tx, stored.transfer_id, f"the transfer settled as {stored.state.status}"
    ):
        await timeline.write(
            tx, stored.transfer_id, "message.undelivered", messageId=str(message_id)
        )
    await release(tx, stored.app_id)
    if stored.wake_job_id is not None:
        await queue.delete_job(tx, stored.wake_job_id)
        await transfers.set_wake_job(tx, stored.transfer_id, None)
    return replace(stored, wake_job_id=None)


async def _set_timer(tx: Transaction, stored: StoredTransfer) -> StoredTransfer:
    due = rules.next_wake(stored.state)
    if due is None:
        return stored
    if stored.wake_job_id is not None:
        await queue.delete_job(tx, stored.wake_job_id)
    job_id = await queue.enqueue_wake(tx, stored.transfer_id, due)
    await transfers.set_wake_job(tx, stored.transfer_id, job_id)
    return replace(stored, wake_job_id=job_id)


async def _lock_any(tx: Transaction, transfer_id: str) -> StoredTransfer:
    stored = await transfers.lock(tx, parse_id("transfer", transfer_id))
    if stored is None:
        raise not_found("transfer", transfer_id)
    return stored


def _own(
    tx: Transaction, app: App, transfer_id: str, stored: StoredTransfer | None
) -> StoredTransfer:
    """As it is at this instant: a deadline that has passed counts, even if its timer is late."""
    if stored is None or stored.app_id != app.app_id:
        raise not_found("transfer", transfer_id)
    return replace(stored, state=rules.wake(stored.state, tx.now).transfer)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
