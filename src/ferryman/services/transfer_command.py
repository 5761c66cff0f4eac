"""Cancel and re-run transfers, for an admin."""

from uuid import UUID

from ferryman import refusals
from ferryman.domain import export as export_rules
from ferryman.domain import transfer as transfer_rules
from ferryman.domain.access import PLATFORM, Actor
from ferryman.domain.dependency import Definition
from ferryman.services import audit, dependency
from ferryman.services.changes import apply
from ferryman.services.platform import Platform, parse_id
from ferryman.services.transfer import settle_if_overdue
from ferryman.store import migration as migration_store
from ferryman.store import timeline as timeline_store
from ferryman.store import transfer as transfer_store
from ferryman.store.database import Transaction
from ferryman.store.transfer import StoredTransfer
from ferryman.vocab import IdKind
from ferryman.wire.transfer import RerunAnswer


async def cancel(platform: Platform, transfer_id: str, by: Actor = PLATFORM) -> None:
    """Cancel a transfer for the admin."""
    async with platform.database.transaction() as tx:
        await cancel_in(tx, transfer_id, by)


async def cancel_in(tx: Transaction, transfer_id: str, by: Actor) -> None:
    """Like :func:`cancel`, in an open transaction."""
    stored = await lock_any(tx, transfer_id)
    after = await apply(tx, stored, transfer_rules.cancel(stored.state, tx.now))
    await audit.record_of(
        tx,
        by,
        "cancel_transfer",
        IdKind.TRANSFER,
        stored.transfer_id,
        before={"status": stored.state.status},
        after={"status": after.state.status},
    )


async def rerun(platform: Platform, transfer_id: str, by: Actor = PLATFORM) -> RerunAnswer:
    """Re-run a FAILED, INCOMPLETE or TIMED_OUT transfer under a new id, claimable at once.

    Transfers that were skipped because it failed run too.
    """
    async with platform.database.transaction() as tx:
        return await rerun_in(tx, transfer_id, by)


async def rerun_in(tx: Transaction, transfer_id: str, by: Actor) -> RerunAnswer:
    """Like :func:`rerun`, in an open transaction."""
    # One re-run per migration at a time, as it may re-run other transfers too.
    migration_id = await _migration_of(tx, transfer_id)
    await migration_store.lock(tx, migration_id)
    stored = await lock_any(tx, transfer_id)
    original = stored.original_transfer_id or stored.transfer_id
    if running := await transfer_store.open_rerun(tx, original):
        raise refusals.transfer.RERUN_RUNNING(transfer=running)
    first = await transfer_store.first_start(tx, original)
    export_rules.check_rerun(stored.state, first, tx.now)
    await _bring_back(tx, migration_id)
    also = await dependency.run_again(tx, stored)
    again = await dependency.insert_beside(
        tx, stored, _definition(stored), stored.position, original
    )
    await timeline_store.write(tx, stored.transfer_id, "transfer.rerun", transferId=str(again))
    await timeline_store.write(tx, again, "transfer.created", originalTransferId=str(original))
    await audit.record_of(
        tx,
        by,
        "rerun_transfer",
        IdKind.TRANSFER,
        stored.transfer_id,
        before={"status": stored.state.status},
        after={"transferId": str(again), "also": [str(other) for other in also]},
    )
    return RerunAnswer(
        transfer_id=str(again),
        original_transfer_id=str(original),
        transfer_name=stored.transfer_name,
        also=[str(other) for other in also],
    )


async def _bring_back(tx: Transaction, migration_id: UUID) -> None:
    """List an archived migration again: it has a transfer that runs."""
    row = await migration_store.by_id(tx, migration_id)
    if row is not None and row.archived_at is not None:
        await migration_store.archive(tx, migration_id, None)


async def _migration_of(tx: Transaction, transfer_id: str) -> UUID:
    stored = await transfer_store.by_id(tx, parse_id(refusals.transfer.NOT_FOUND, transfer_id))
    if stored is None:
        raise refusals.transfer.NOT_FOUND(id=transfer_id)
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


async def lock_any(tx: Transaction, transfer_id: str) -> StoredTransfer:
    """Lock a transfer for an admin's command, settled first if its time is over."""
    stored = await transfer_store.lock(tx, parse_id(refusals.transfer.NOT_FOUND, transfer_id))
    if stored is None:
        raise refusals.transfer.NOT_FOUND(id=transfer_id)
    return await settle_if_overdue(tx, stored)
