"""Transfers: every change of state goes through :func:`apply`."""

from dataclasses import replace
from uuid import UUID

from ferryman import refusals
from ferryman.clock import epoch_ms
from ferryman.domain import lifetime
from ferryman.domain import pause as pause_rules
from ferryman.domain import transfer as transfer_rules
from ferryman.domain.limits import LOG_CHARACTERS
from ferryman.services import dependency, schedule, shared_count
from ferryman.services.changes import apply, count_unfinished, set_timer
from ferryman.services.claim import see_caller
from ferryman.services.platform import Platform, check_text, parse_id
from ferryman.store import message as message_store
from ferryman.store import timeline as timeline_store
from ferryman.store import timer as timer_store
from ferryman.store import transfer as transfer_store
from ferryman.store import upload as upload_store
from ferryman.store.app import AppRow
from ferryman.store.database import Transaction
from ferryman.store.listing import EXACT
from ferryman.store.transfer import StoredTransfer
from ferryman.vocab import TransferStatus
from ferryman.wire.transfer import TransferView

_NAMED_MESSAGES = 100
"""Most unacknowledged messages that a transfer's view names."""


async def lock_own(tx: Transaction, app: AppRow, transfer_id: str) -> StoredTransfer:
    """Lock and return the app's own transfer; another app's transfer looks like an unknown one."""
    stored = await transfer_store.lock(tx, parse_id(refusals.transfer.NOT_FOUND, transfer_id))
    own = _own(app, transfer_id, stored)
    await see_caller(tx, app, own)
    return await settle_if_overdue(tx, own)


async def load_own(tx: Transaction, app: AppRow, transfer_id: str) -> StoredTransfer:
    """Return the app's own transfer as last committed, without locking it."""
    stored = await transfer_store.by_id(tx, parse_id(refusals.transfer.NOT_FOUND, transfer_id))
    return await _seen(tx, app, transfer_id, stored)


async def _seen(
    tx: Transaction, app: AppRow, transfer_id: str, stored: StoredTransfer | None
) -> StoredTransfer:
    """Return the app's own transfer as it is now; a timer that is due may not have fired yet."""
    own = _own(app, transfer_id, stored)
    await see_caller(tx, app, own)
    if not transfer_rules.is_due(own.state, tx.now):
        return own
    unfinished = await upload_store.count_unfinished(tx, own.transfer_id)
    state = replace(own.state, unfinished=unfinished)
    return replace(own, state=transfer_rules.wake(state, tx.now).transfer)


async def load_live(tx: Transaction, app: AppRow, transfer_id: str, action: str) -> StoredTransfer:
    """Return the app's own transfer; refuse a settled one."""
    stored = await load_own(tx, app, transfer_id)
    transfer_rules.check_live(stored.state, action)
    return stored


async def live_own(
    tx: Transaction, app: AppRow, transfer_id: str, stored: StoredTransfer | None, action: str
) -> StoredTransfer:
    """Like :func:`load_live`, of a transfer that was read with something else."""
    own = await _seen(tx, app, transfer_id, stored)
    transfer_rules.check_live(own.state, action)
    return own


async def lock_exporting(tx: Transaction, app: AppRow, transfer_id: str) -> StoredTransfer:
    """Lock and return the app's own transfer, for calls of the server app.

    A released transfer that no agent claimed starts with the first of these calls, so that a script
    can export without an agent.
    """
    stored = await lock_own(tx, app, transfer_id)
    if stored.state.status is TransferStatus.READY and stored.released_at is not None:
        pause_rules.check_not_paused(stored.state, "starting its export")
        await dependency.check_may_start(tx, stored)
        return await start(tx, stored)
    return stored


async def settle_if_overdue(tx: Transaction, stored: StoredTransfer) -> StoredTransfer:
    """Settle a locked transfer if its deadline has passed, even if its timer has not fired yet."""
    if not transfer_rules.is_due(stored.state, tx.now):
        return stored
    stored = await count_unfinished(tx, stored)
    return await apply(tx, stored, transfer_rules.wake(stored.state, tx.now))


async def start(tx: Transaction, stored: StoredTransfer) -> StoredTransfer:
    """Start a transfer, since its listener is called now."""
    return await apply(tx, stored, transfer_rules.start(stored.state, tx.now))


async def on_timer(platform: Platform, transfer_id: UUID) -> bool:
    """Apply the decision of a due timer to its transfer, and set the next timer.

    Returns False, with nothing changed, if the timer is not due or another session holds the
    transfer.
    """
    async with platform.database.transaction() as tx:
        stored = await timer_store.lock_fired(tx, transfer_id)
        if stored is None:
            return False
        if stored.state.status is not TransferStatus.READY:
            stored = await settle_if_overdue(tx, stored)
            if not stored.state.status.final:
                await set_timer(tx, stored)
            return True
    # In a transaction of its own: it locks the migration before its transfers.
    return await schedule.start_if_due(platform, stored.migration_id)


async def add_log(platform: Platform, app: AppRow, transfer_id: str, message: str) -> None:
    """Add a log line that the cloud app shows to the customer."""
    check_text("message", message, longest=LOG_CHARACTERS)
    async with platform.database.transaction() as tx:
        stored = await lock_own(tx, app, transfer_id)
        transfer_rules.check_live(stored.state, "adding a log line")
        await timeline_store.write(tx, stored.transfer_id, "log.added", message=message)


async def view(platform: Platform, transfer_id: str, *, max_age: float = 0) -> TransferView:
    """Return the admin's view of a transfer; its messages were counted ``max_age`` seconds ago."""
    async with platform.database.transaction() as tx:
        stored = await transfer_store.by_id(tx, parse_id(refusals.transfer.NOT_FOUND, transfer_id))
        if stored is None:
            raise refusals.transfer.NOT_FOUND(id=transfer_id)
        counts = await shared_count.messages_of(platform, tx, stored, max_age)
        open_messages: list[UUID] = []
        if not stored.state.status.final:
            open_messages = await message_store.outstanding(tx, stored.transfer_id, _NAMED_MESSAGES)
        unfinished = await upload_store.count_unfinished(tx, stored.transfer_id)
    state = stored.state
    limit = None if state.status.final else transfer_rules.deadline(state)
    times = {
        "started_at": state.started_at,
        "deadline": limit.at if limit else None,
        "expires_at": lifetime.expires_at(state),
        "export_completed_at": state.export_completed_at,
        "returned_at": state.returned_at,
        "settled_at": state.settled_at,
        "paused_at": state.paused_at,
    }
    left = pause_rules.remaining(state)
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
        unfinished_files=unfinished,
        bytes=stored.bytes,
        messages=counts.messages,
        attempts=counts.attempts,
        acknowledged=state.succeeded + state.failed,
        failed=state.failed,
        undelivered=counts.undelivered,
        approximate=max_age > 0 and counts.messages > EXACT,
        unacknowledged_message_ids=[str(message_id) for message_id in open_messages],
        transfer_name=stored.transfer_name,
        blocking=stored.blocking,
        depends_on=stored.depends_on,
        skipped_by=_text(stored.skipped_by),
        access_scopes=stored.access_scopes,
        seconds_left=None if left is None else left.total_seconds(),
        **{name: None if at is None else epoch_ms(at) for name, at in times.items()},
    )


def is_own(app: AppRow, stored: StoredTransfer) -> bool:
    """Return whether a transfer belongs to the app, on a site that its token is valid for."""
    return owns(app, stored.app_id, stored.details.cloud_url)


def owns(app: AppRow, app_id: UUID, cloud_url: str) -> bool:
    """Return whether an app's transfer is the caller's, on a site that its token is valid for."""
    return app_id == app.app_id and app.site in (None, cloud_url)


def _own(app: AppRow, transfer_id: str, stored: StoredTransfer | None) -> StoredTransfer:
    if stored is None or not is_own(app, stored):
        raise refusals.transfer.NOT_FOUND(id=transfer_id)
    return stored


def _text(value: object) -> str | None:
    return None if value is None else str(value)
