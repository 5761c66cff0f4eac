"""Transfers: every change of state goes through :func:`apply`."""

from dataclasses import replace
from uuid import UUID

from ferryman.clock import epoch_ms
from ferryman.domain import transfer as rules
from ferryman.domain.dependency import Definition
from ferryman.domain.limits import LOG_CHARACTERS
from ferryman.errors import Conflict, not_found
from ferryman.ids import new_id
from ferryman.services import dependency
from ferryman.services.claim import see_caller
from ferryman.services.decision import apply, count_unfinished, set_timer
from ferryman.services.platform import Platform, check_text, parse_id
from ferryman.store import message as messages
from ferryman.store import migration as migrations
from ferryman.store import timeline
from ferryman.store import transfer as transfers
from ferryman.store import upload as uploads
from ferryman.store.app import App
from ferryman.store.database import Transaction
from ferryman.store.transfer import StoredTransfer
from ferryman.vocab import TransferStatus
from ferryman.wire.transfer import RerunAnswer, TransferView

_NAMED_MESSAGES = 100
"""How many unacknowledged messages a transfer's view names."""


async def lock_own(tx: Transaction, app: App, transfer_id: str) -> StoredTransfer:
    """The app's own transfer, locked; any other looks like none."""
    stored = await transfers.lock(tx, parse_id("transfer", transfer_id))
    found = _own(app, transfer_id, stored)
    await see_caller(tx, app, found)
    return await settle_late(tx, found)


async def load_own(tx: Transaction, app: App, transfer_id: str) -> StoredTransfer:
    """The app's own transfer, as last committed."""
    stored = await transfers.by_id(tx, parse_id("transfer", transfer_id))
    found = _own(app, transfer_id, stored)
    await see_caller(tx, app, found)
    if not rules.is_due(found.state, tx.now):
        return found
    unfinished = await uploads.count_unfinished(tx, found.transfer_id)
    state = replace(found.state, unfinished=unfinished)
    return replace(found, state=rules.wake(state, tx.now).transfer)


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
        await dependency.check_may_start(tx, stored)
        return await start(tx, stored)
    return stored


async def settle_late(tx: Transaction, stored: StoredTransfer) -> StoredTransfer:
    """A locked transfer as it is at this instant: a passed deadline counts, its timer or not."""
    if not rules.is_due(stored.state, tx.now):
        return stored
    stored = await count_unfinished(tx, stored)
    return await apply(tx, stored, rules.wake(stored.state, tx.now))


async def start(tx: Transaction, stored: StoredTransfer) -> StoredTransfer:
    """The listener is called."""
    return await apply(tx, stored, rules.start(stored.state, tx.now))


async def wake(platform: Platform, transfer_id: UUID, job_id: int) -> None:
    """The timer of a transfer fired. A job that is no longer its timer changes nothing."""
    async with platform.database.transaction() as tx:
        stored = await transfers.lock(tx, transfer_id)
        if stored is None or stored.wake_job_id != job_id or stored.state.status.final:
            return
        stored = await settle_late(tx, stored)
        if not stored.state.status.final:
            await set_timer(tx, replace(stored, wake_job_id=None))


async def cancel(platform: Platform, transfer_id: str) -> None:
    """The admin cancels."""
    async with platform.database.transaction() as tx:
        stored = await _lock_any(tx, transfer_id)
        await apply(tx, stored, rules.cancel(stored.state, tx.now))


async def rerun(platform: Platform, transfer_id: str) -> RerunAnswer:
    """Run a FAILED or INCOMPLETE transfer again, under a new id that agents may claim at once.

    Transfers that its failure had skipped come back with it, as first runs.
    """
    async with platform.database.transaction() as tx:
        # Re-runs of one migration take their turn: of one original, and of those they bring back.
        await migrations.lock(tx, await _migration_of(tx, transfer_id))
        stored = await _lock_any(tx, transfer_id)
        original = stored.original_transfer_id or stored.transfer_id
        if running := await transfers.open_rerun(tx, original):
            raise Conflict(
                "rerun_running",
                expected="no re-run that is still going on",
                found=f"transfer {running}",
                fix="Watch that one; when it fails it can be re-run again.",
            )
        first = await transfers.first_start(tx, original)
        rules.check_rerun(stored.state, first, tx.now)
        also = await dependency.run_again(tx, stored)
        again = new_id()
        await transfers.insert(
            tx,
            transfer_id=again,
            migration_id=stored.migration_id,
            app_id=stored.app_id,
            window=stored.state.window,
            original_transfer_id=original,
            released=True,
            definition=_definition(stored),
            position=stored.position,
        )
        await timeline.write(tx, stored.transfer_id, "transfer.rerun", transferId=str(again))
        await timeline.write(tx, again, "transfer.created", originalTransferId=str(original))
    return RerunAnswer(
        transfer_id=str(again),
        original_transfer_id=str(original),
        transfer_name=stored.transfer_name,
        also=[str(other) for other in also],
    )


async def _migration_of(tx: Transaction, transfer_id: str) -> UUID:
    stored = await transfers.by_id(tx, parse_id("transfer", transfer_id))
    if stored is None:
        raise not_found("transfer", transfer_id)
    return stored.migration_id


def _definition(stored: StoredTransfer) -> Definition | None:
    if stored.transfer_name is None:
        return None
    return Definition(
        stored.transfer_name,
        stored.blocking,
        tuple(stored.depends_on),
        tuple(stored.access_scopes),
    )


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
        unfinished = await uploads.count_unfinished(tx, stored.transfer_id)
    state = stored.state
    limit = None if state.status.final else rules.deadline(state)
    times = {
        "started_at": state.started_at,
        "deadline": limit.at if limit else None,
        "expires_at": rules.expires_at(state),
        "export_completed_at": state.export_completed_at,
        "returned_at": state.returned_at,
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
        unfinished_files=unfinished,
        bytes=stored.bytes,
        messages=counts.messages,
        attempts=counts.attempts,
        acknowledged=state.succeeded + state.failed,
        failed=state.failed,
        undelivered=counts.undelivered,
        unacknowledged_message_ids=[str(message_id) for message_id in open_messages],
        transfer_name=stored.transfer_name,
        blocking=stored.blocking,
        depends_on=stored.depends_on,
        skipped_by=_text(stored.skipped_by),
        access_scopes=stored.access_scopes,
        **{name: None if at is None else epoch_ms(at) for name, at in times.items()},
    )


async def _lock_any(tx: Transaction, transfer_id: str) -> StoredTransfer:
    stored = await transfers.lock(tx, parse_id("transfer", transfer_id))
    if stored is None:
        raise not_found("transfer", transfer_id)
    return await settle_late(tx, stored)


def is_own(app: App, stored: StoredTransfer) -> bool:
    """Whether the transfer is the app's, and to a site that its token is good for."""
    return stored.app_id == app.app_id and app.site in (None, stored.details.cloud_url)


def _own(app: App, transfer_id: str, stored: StoredTransfer | None) -> StoredTransfer:
    if stored is None or not is_own(app, stored):
        raise not_found("transfer", transfer_id)
    return stored


def _text(value: object) -> str | None:
    return None if value is None else str(value)
