"""Splitting an app's part of a migration into transfers, and what their ends mean to others."""

from uuid import UUID

from ferryman.domain.dependency import Definition, Readiness, readiness, to_run_again, to_skip
from ferryman.domain.transfer import skip
from ferryman.errors import Conflict
from ferryman.ids import new_id
from ferryman.store import dependency, timeline
from ferryman.store import transfer as transfers
from ferryman.store.database import Transaction
from ferryman.store.transfer import StoredTransfer
from ferryman.vocab import TransferStatus


async def split(
    tx: Transaction, stored: StoredTransfer, definitions: list[Definition]
) -> StoredTransfer:
    """Make one transfer for each definition; the first takes the place of the locked one.

    ``definitions`` are in an order in which they can run. Nothing is split that was claimed,
    started, split or run before: what was said to an agent or an app stays true.
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
    await dependency.define(tx, stored.transfer_id, first)
    await timeline.write(tx, stored.transfer_id, "transfer.named", transferName=first.name)
    for position, definition in enumerate(others, start=1):
        await add(tx, stored, definition, position)
    return await transfers.lock(tx, stored.transfer_id) or stored


async def add(
    tx: Transaction,
    beside: StoredTransfer,
    definition: Definition,
    position: int,
    original_transfer_id: UUID | None = None,
) -> UUID:
    """A READY transfer of a definition, in the migration and of the app of another one."""
    transfer_id = new_id()
    await transfers.insert(
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
    await timeline.write(
        tx,
        transfer_id,
        "transfer.created",
        app=beside.cloud_app_key,
        transferName=definition.name,
        dependsOn=list(definition.depends_on),
    )
    return transfer_id


async def skip_dependants(tx: Transaction, settled: StoredTransfer) -> None:
    """Skip the READY transfers that can never run now that this one is settled.

    They are locked in the order of their definitions, which no transaction goes against. Nothing
    else follows from it: they have no timer and no message, and the app never heard of them.
    """
    if settled.transfer_name is None:
        return
    members = await dependency.newest_of_each_name(tx, settled.migration_id, settled.app_id)
    found = to_skip({name: m.member for name, m in members.items()}, settled.transfer_name)
    for name in sorted(found, key=lambda name: members[name].position):
        stored = await transfers.lock(tx, members[name].transfer_id)
        if stored is None or stored.state.status is not TransferStatus.READY:
            continue
        skipped = skip(stored.state, tx.now).transfer
        await transfers.save(tx, stored.transfer_id, skipped)
        culprit = members[found[name]].transfer_id
        await dependency.record_skip(tx, stored.transfer_id, culprit)
        await timeline.write(
            tx,
            stored.transfer_id,
            "transfer.changed",
            before=stored.state.status,
            after=skipped.status,
            skippedBy=str(culprit),
        )


async def check_may_start(tx: Transaction, stored: StoredTransfer) -> None:
    """Refuse a transfer whose turn has not come."""
    if not stored.depends_on:
        return
    members = await dependency.newest_of_each_name(tx, stored.migration_id, stored.app_id)
    if readiness(members[name].member for name in stored.depends_on) is not Readiness.GO:
        waiting = [n for n in stored.depends_on if not members[n].member.status.final]
        raise Conflict(
            "transfer_dependency_running",
            expected="a transfer whose dependencies are settled",
            found=f"{', '.join(map(repr, waiting))[:200]} not settled",
            fix="Claim transfers: each is handed out when its turn has come.",
        )


async def run_again(tx: Transaction, rerun: StoredTransfer) -> list[UUID]:
    """New transfers for those that the failure of this one had skipped, before it is re-run.

    They are first runs where their listeners were never called, and re-runs where those were
    re-runs. Refused while a failure holds back the one to be re-run itself.
    """
    if rerun.transfer_name is None:
        return []
    members = await dependency.newest_of_each_name(tx, rerun.migration_id, rerun.app_id)
    if failed := [name for name in rerun.depends_on if members[name].member.failed]:
        raise Conflict(
            "transfer_dependency_failed",
            expected="a transfer whose blocking dependencies did not fail",
            found=", ".join(f"{name!r} {members[name].member.status}" for name in failed)[:200],
            fix="Re-run those first.",
        )
    names = to_run_again({name: m.member for name, m in members.items()}, rerun.transfer_name)
    return [
        await add(
            tx,
            rerun,
            found.definition,
            found.position,
            original_transfer_id=found.original_transfer_id,
        )
        for found in map(members.__getitem__, names)
    ]
