"""Split an app's part of a migration into transfers, and apply the rules of their dependencies."""

from uuid import UUID

from ferryman import refusals
from ferryman.domain.dependency import Definition, DependencyState, readiness, to_run_again, to_skip
from ferryman.domain.transfer import skip
from ferryman.ids import new_id
from ferryman.store import dependency as dependency_store
from ferryman.store import timeline as timeline_store
from ferryman.store import transfer as transfer_store
from ferryman.store.database import Transaction
from ferryman.store.transfer import StoredTransfer
from ferryman.vocab import TransferStatus


async def split(
    tx: Transaction, stored: StoredTransfer, definitions: list[Definition]
) -> StoredTransfer:
    """Create one transfer per definition; the first definition goes to the locked transfer.

    ``definitions`` are in an order in which they can run. A transfer is split only before it is
    claimed, started, split or re-run, so that nothing an agent or app was told becomes false.
    """
    untouched = (
        stored.state.status is TransferStatus.READY
        and stored.claims == 0
        and stored.transfer_name is None
        and stored.original_transfer_id is None
    )
    if not definitions or not untouched:
        return stored
    first, *others = definitions
    await dependency_store.define(tx, stored.transfer_id, first)
    await timeline_store.write(tx, stored.transfer_id, "transfer.named", transferName=first.name)
    for position, definition in enumerate(others, start=1):
        await add(tx, stored, definition, position)
    return await transfer_store.lock(tx, stored.transfer_id) or stored


async def add(
    tx: Transaction,
    beside: StoredTransfer,
    definition: Definition,
    position: int,
    original_transfer_id: UUID | None = None,
) -> UUID:
    """Insert a READY transfer of a definition, in the migration and app of ``beside``."""
    transfer_id = await insert_beside(tx, beside, definition, position, original_transfer_id)
    await timeline_store.write(
        tx,
        transfer_id,
        "transfer.created",
        app=beside.cloud_app_key,
        transferName=definition.name,
        dependsOn=list(definition.depends_on),
    )
    return transfer_id


async def insert_beside(
    tx: Transaction,
    beside: StoredTransfer,
    definition: Definition | None,
    position: int,
    original_transfer_id: UUID | None,
) -> UUID:
    """Insert a READY transfer, and return its id; the caller writes the timeline."""
    transfer_id = new_id()
    await transfer_store.insert(
        tx,
        transfer_id=transfer_id,
        migration_id=beside.migration_id,
        app_id=beside.app_id,
        window=beside.state.window,
        original_transfer_id=original_transfer_id,
        released=True,
        definition=definition,
        position=position,
    )
    return transfer_id


async def skip_dependants(tx: Transaction, settled: StoredTransfer) -> None:
    """Skip the READY transfers that can never run now that this one has settled.

    They are locked in the order of their definitions, as everywhere else. Nothing else has to be
    done for them: they have no timer and no message, and their app never heard of them.
    """
    if settled.transfer_name is None:
        return
    members = await dependency_store.newest_of_each_name(tx, settled.migration_id, settled.app_id)
    to_end = to_skip({name: m.member for name, m in members.items()}, settled.transfer_name)
    for name in sorted(to_end, key=lambda name: members[name].position):
        stored = await transfer_store.lock(tx, members[name].transfer_id)
        if stored is None or stored.state.status is not TransferStatus.READY:
            continue
        skipped = skip(stored.state, tx.now).transfer
        await transfer_store.save(tx, stored.transfer_id, skipped)
        culprit = members[to_end[name]].transfer_id
        await dependency_store.record_skip(tx, stored.transfer_id, culprit)
        await timeline_store.write(
            tx,
            stored.transfer_id,
            "transfer.changed",
            before=stored.state.status,
            after=skipped.status,
            skippedBy=str(culprit),
        )


async def check_may_start(tx: Transaction, stored: StoredTransfer) -> None:
    """Refuse a transfer whose dependencies have not settled."""
    if not stored.depends_on:
        return
    members = await dependency_store.newest_of_each_name(tx, stored.migration_id, stored.app_id)
    if readiness(members[name].member for name in stored.depends_on) is not DependencyState.GO:
        waiting = [n for n in stored.depends_on if not members[n].member.status.final]
        raise refusals.transfer.DEPENDENCY_RUNNING(names=", ".join(map(repr, waiting)))


async def run_again(tx: Transaction, rerun: StoredTransfer) -> list[UUID]:
    """Insert new transfers for those skipped because this one failed, before it is re-run.

    A transfer whose listener was never called is added as a first run; a re-run stays a re-run.
    Refused while a failed dependency blocks the transfer itself.
    """
    if rerun.transfer_name is None:
        return []
    members = await dependency_store.newest_of_each_name(tx, rerun.migration_id, rerun.app_id)
    if failed := [name for name in rerun.depends_on if members[name].member.failed]:
        raise refusals.transfer.DEPENDENCY_FAILED(
            found=", ".join(f"{name!r} {members[name].member.status}" for name in failed)
        )
    names = to_run_again({name: m.member for name, m in members.items()}, rerun.transfer_name)
    return [
        await add(
            tx,
            rerun,
            again.definition,
            again.position,
            original_transfer_id=again.original_transfer_id,
        )
        for again in map(members.__getitem__, names)
    ]
