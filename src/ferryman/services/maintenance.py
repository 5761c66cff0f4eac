"""Remove rows that have expired, so that the platform stays fast.

This runs with each sweep. Live data is never touched: messages that are due, transfers that run or
can be re-run, and data that can still be read (ADR 0054). Each transaction removes a bounded number
of rows; if killed, the next run continues.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog

from ferryman.domain.limits import (
    IDENTITY_MAPPING_LIFE,
    PRODUCT_MAPPING_LIFE,
    QUEUE_EVENT_LIFE,
    TRANSFER_LIFE,
)
from ferryman.domain.mapping import life
from ferryman.services import purge
from ferryman.services.platform import Platform
from ferryman.store import maintenance as maintenance_store
from ferryman.store import queue as queue_store
from ferryman.store import state as state_store
from ferryman.store import storage as storage_store
from ferryman.store.database import Transaction

log = structlog.get_logger("ferryman.maintenance")

_BATCH = 2_000
_TRANSFERS = 100
_PAGE = 1_000
_FIRST = datetime.fromtimestamp(0, UTC), UUID(int=0)
_RECORDABLE = 2 * TRANSFER_LIFE
"""How long unreadable mappings are kept.

That is long enough to record the last transfer that could read them.
"""


async def run(platform: Platform) -> Counter[str]:
    """Remove all expired rows and return their number by kind; repeatable at any time."""
    removed: Counter[str] = Counter()
    now = await platform.database.now()
    settings = platform.settings
    await _details(platform, now - timedelta(days=settings.keep_attempts_days), removed)
    await _migrations(platform, now - timedelta(days=settings.keep_transfers_days), removed)
    await _mappings(platform, now, removed)
    await _values(platform, removed)
    await _queue_events(platform, removed)
    for kind, count in removed.items():
        platform.metrics.count("ferryman_removed_rows_total", kind, by=count)
    log.info("maintenance.done", **removed)
    return removed


async def _details(platform: Platform, before: datetime, removed: Counter[str]) -> None:
    """Remove attempts and timelines of transfers that settled before an instant."""
    while True:
        async with platform.database.reading() as tx:
            chosen = await maintenance_store.with_details(tx, before, _TRANSFERS)
        if not chosen:
            return
        while True:
            async with platform.database.transaction() as tx:
                attempts, entries = await maintenance_store.remove_details(tx, chosen, _BATCH)
                if last := max(attempts, entries) < _BATCH:
                    await maintenance_store.details_removed(tx, chosen)
            removed["attempts"] += attempts
            removed["timeline"] += entries
            if last:
                break


async def _migrations(platform: Platform, before: datetime, removed: Counter[str]) -> None:
    """Remove migrations that ended before an instant, with their transfers and messages."""
    async with platform.database.reading() as tx:
        report = (await storage_store.sweep_state(tx)).report
    swept = None if report is None else datetime.fromtimestamp(report.started_at / 1000, UTC)
    # Walk all pages: old migrations that must stay do not block the removal of others.
    after: maintenance_store.Settled | None = _FIRST
    while after is not None:
        async with platform.database.reading() as tx:
            ended, after = await maintenance_store.settled_page(tx, before, after, _PAGE)
            chosen = await maintenance_store.over(tx, ended, before, swept)
        for migration_id in chosen:
            await _migration(platform, migration_id, removed)


async def _migration(platform: Platform, migration_id: UUID, removed: Counter[str]) -> None:
    async def messages(tx: Transaction) -> int:
        return await maintenance_store.remove_messages(tx, migration_id, _BATCH)

    async def uploads(tx: Transaction) -> int:
        return await maintenance_store.remove_uploads(tx, migration_id, _BATCH)

    removed["messages"] += await _until_less(platform, messages, _BATCH)
    removed["uploads"] += await _until_less(platform, uploads, _BATCH)
    async with platform.database.transaction() as tx:
        removed["transfers"] += await maintenance_store.remove_migration(tx, migration_id)
    removed["migrations"] += 1


async def _mappings(platform: Platform, now: datetime, removed: Counter[str]) -> None:
    async with platform.database.reading() as tx:
        namespaces = await maintenance_store.namespaces(tx)
    for length in (IDENTITY_MAPPING_LIFE, PRODUCT_MAPPING_LIFE):
        numbers = [number for number, name in namespaces if life(name) == length]
        before = now - length - _RECORDABLE

        async def mappings(
            tx: Transaction, numbers: list[int] = numbers, before: datetime = before
        ) -> int:
            return await maintenance_store.remove_mappings(tx, numbers, before, 5 * _BATCH)

        removed["mappings"] += await _until_less(platform, mappings, 1)


async def _values(platform: Platform, removed: Counter[str]) -> None:
    """Delete values whose lifetime is over, or whose app was removed."""

    async def expired(tx: Transaction) -> int:
        return await state_store.remove_expired(tx, _BATCH)

    removed["values"] += await _until_less(platform, expired, _BATCH)
    removed["values"] += await purge.delete_state_of_removed(platform)


async def _queue_events(platform: Platform, removed: Counter[str]) -> None:
    """Remove the events of queues that ended long ago; their jobs are then unknown."""

    async def ended(tx: Transaction) -> int:
        return await queue_store.remove_ended(tx, QUEUE_EVENT_LIFE, _BATCH)

    removed["queue_events"] += await _until_less(platform, ended, _BATCH)


async def _until_less(
    platform: Platform, remove: Callable[[Transaction], Awaitable[int]], enough: int
) -> int:
    """Call ``remove``, each time in a transaction, until it removes fewer than ``enough`` rows.

    Returns the total.
    """
    total = 0
    while True:
        async with platform.database.transaction() as tx:
            count = await remove(tx)
        total += count
        if count < enough:
            return total
