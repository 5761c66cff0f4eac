"""Delete all that belongs to a customer, and sign a receipt of it (ADR 0064).

It takes many transactions, each of which deletes a bounded number of rows; repeat a call that was
interrupted. Nothing can be added in the meantime, because the first transaction closes the
customer.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from ferryman import refusals
from ferryman.clock import epoch_ms
from ferryman.domain.access import PLATFORM, Actor
from ferryman.ids import new_id
from ferryman.services import audit, purge
from ferryman.services.key_ring import KeyRing
from ferryman.services.platform import Platform
from ferryman.store import customer as customer_store
from ferryman.store import purge as purge_store
from ferryman.store import state as state_store
from ferryman.store.database import Transaction
from ferryman.store.purge import Whose
from ferryman.tokens import receipt_token
from ferryman.wire.customer import ExpungeReceipt

_BATCH = 2_000
_MIGRATIONS = 100


async def expunge(
    platform: Platform, keys: KeyRing, customer: str, by: Actor = PLATFORM
) -> ExpungeReceipt:
    """Delete a customer with migrations, files, mappings, values, objects and logs.

    Returns a signed receipt.
    Raises :class:`NotFound` (``customer_not_found``), and :class:`Conflict`
    (``customer_has_transfers``) while a transfer has not settled. The audit log keeps its rows.
    """
    whose = Whose(customer=customer)
    async with platform.database.transaction() as tx:
        began = tx.now
        if await customer_store.by_key(tx, customer) is None:
            raise refusals.customer.NOT_FOUND(id=customer)
        if not await purge_store.begin_expunge(tx, customer):
            raise refusals.customer.NOT_FOUND(id=customer)
        if live := await purge_store.live_transfers(tx, whose):
            raise refusals.customer.HAS_TRANSFERS(customer=customer, live=live)
        await audit.record(tx, by, "expunge_customer", customer, customer=customer)
    deleted = await purge.delete_files(platform, whose)
    digest = await _migrations(platform, customer, deleted)

    async def mappings(tx: Transaction) -> int:
        return await purge_store.purge_mappings(tx, customer, _BATCH)

    deleted["mappings"] += await _all(platform, mappings)
    async with platform.database.reading() as tx:
        app_sites = await state_store.sites_of_customer(tx, customer)
    deleted["queueEvents"] += await purge.delete_queue_events(platform, app_sites)
    deleted["values"] += await purge.delete_values(platform, app_sites)
    deleted["objects"] += await purge.delete_objects(platform, app_sites)
    async with platform.database.transaction() as tx:
        app_sites = await state_store.sites_of_customer(tx, customer)
        deleted.update(await purge.close_sites(platform, tx, app_sites))
        deleted["sites"] += await purge_store.purge_scopes(tx, customer)
        deleted["revokedTokens"] += await purge_store.end_expunge(tx, customer)
        facts = _facts(customer, by, began, tx.now, deleted, digest)
        await keys.refresh()
        receipt = receipt_token(keys.current, facts)
        await purge_store.keep_receipt(tx, new_id(), customer, receipt)
    return ExpungeReceipt(
        customer=customer, at=epoch_ms(tx.now), deleted=dict(deleted), receipt=receipt
    )


async def last_receipt(platform: Platform, customer: str) -> str:
    """Return the newest receipt for a customer; raise :class:`NotFound` if there is none."""
    async with platform.database.reading() as tx:
        expunged = await purge_store.last_receipt(tx, customer)
    if expunged is None:
        raise refusals.customer.NOT_FOUND(id=customer)
    return expunged


async def _migrations(platform: Platform, customer: str, deleted: Counter[str]) -> str:
    """Delete all migrations; return a digest of their ids in order."""
    digest = sha256()
    while True:
        async with platform.database.reading() as tx:
            chosen = await purge_store.migrations(tx, customer, _MIGRATIONS)
        if not chosen:
            return digest.hexdigest()
        for migration_id in chosen:
            await _migration(platform, customer, migration_id, deleted)
            digest.update(f"{migration_id}\n".encode())


async def _migration(
    platform: Platform, customer: str, migration_id: UUID, deleted: Counter[str]
) -> None:
    async def messages(tx: Transaction) -> int:
        counts = await purge_store.purge_messages(tx, migration_id, _BATCH)
        deleted.update(counts)
        return counts["messages"]

    async def timeline(tx: Transaction) -> int:
        return await purge_store.purge_timeline(tx, migration_id, _BATCH)

    async def uploads(tx: Transaction) -> int:
        return await purge_store.purge_uploads(tx, migration_id, _BATCH)

    await _all(platform, messages)
    deleted["timelineEntries"] += await _all(platform, timeline)
    await _all(platform, uploads)
    async with platform.database.transaction() as tx:
        if not await purge_store.hold_ended(tx, migration_id):
            raise refusals.customer.HAS_TRANSFERS(customer=customer, live=1)
        await purge_store.purge_messages(tx, migration_id, _BATCH)
        deleted["transfers"] += await purge_store.purge_migration(tx, migration_id)
    deleted["migrations"] += 1


async def _all(platform: Platform, remove: Callable[[Transaction], Awaitable[int]]) -> int:
    """Call ``remove`` in one transaction after the other until it removes nothing."""
    total = 0
    while True:
        async with platform.database.transaction() as tx:
            count = await remove(tx)
        if not count:
            return total
        total += count


def _facts(
    customer: str,
    by: Actor,
    began: datetime,
    ended: datetime,
    deleted: Counter[str],
    digest: str,
) -> dict[str, object]:
    return {
        "customer": customer,
        "deletedBy": by.name,
        "request": by.request,
        "beganAt": epoch_ms(began),
        "endedAt": epoch_ms(ended),
        "deleted": dict(deleted),
        "migrationIds": f"sha256:{digest}",
    }
