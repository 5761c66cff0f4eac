"""Maintenance: rows whose time is over go, so that the platform stays as fast as it began.

It is done with each sweep. Nothing that is live is touched: what is owed, what runs, what can be
run again, what can still be read (ADR 0029). Each transaction removes a bounded number of rows;
killed in between, the next one goes on.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog

from ferryman.domain.limits import IDENTITY_MAPPING_LIFE, PRODUCT_MAPPING_LIFE, TRANSFER_LIFE
from ferryman.domain.mapping import life
from ferryman.services.platform import Platform
from ferryman.store import maintenance, storage
from ferryman.store.database import Transaction

log = structlog.get_logger("ferryman.maintenance")

_BATCH = 2_000
_TRANSFERS = 100
_PAGE = 1_000
_FIRST = datetime.fromtimestamp(0, UTC), UUID(int=0)
_QUEUE_LOG = timedelta(days=1)
_RECORDABLE = 2 * TRANSFER_LIFE
"""How long a mapping is kept that no app can read any more: for a recording of the last transfer
that could, and a while to make it in."""


async def run(platform: Platform) -> Counter[str]:
    """Remove all that is over now; how many rows of each kind. Repeatable at any time."""
    removed: Counter[str] = Counter()
    now = await platform.database.now()
    settings = platform.settings
    await _details(platform, now - timedelta(days=settings.keep_attempts_days), removed)
    await _migrations(platform, now - timedelta(days=settings.keep_transfers_days), removed)
    await _mappings(platform, now, removed)

    async def queue_log(tx: Transaction) -> int:
        return await maintenance.remove_queue_log(tx, _QUEUE_LOG, _BATCH)

    removed["queue_log"] += await _until_less(platform, queue_log, _BATCH)
    for kind, count in removed.items():
        platform.figures.count("ferryman_removed_rows_total", kind, by=count)
    log.info("maintenance.done", **removed)
    return removed


async def _details(platform: Platform, before: datetime, removed: Counter[str]) -> None:
    """Attempts and timeline of transfers that settled by then."""
    while True:
        async with platform.database.reading() as tx:
            chosen = await maintenance.with_details(tx, before, _TRANSFERS)
        if not chosen:
            return
        while True:
            async with platform.database.transaction() as tx:
                attempts, entries = await maintenance.remove_details(tx, chosen, _BATCH)
                if last := max(attempts, entries) < _BATCH:
                    await maintenance.details_removed(tx, chosen)
            removed["attempts"] += attempts
            removed["timeline"] += entries
            if last:
                break


async def _migrations(platform: Platform, before: datetime, removed: Counter[str]) -> None:
    """Migrations that ended by then, with their transfers and messages."""
    async with platform.database.reading() as tx:
        report = (await storage.sweep_state(tx)).report
    swept = None if report is None else datetime.fromtimestamp(report.started_at / 1000, UTC)
    # By pages to the end: those that must stay, however many and old, keep no others.
    after: maintenance.Settled | None = _FIRST
    while after is not None:
        async with platform.database.reading() as tx:
            ended, after = await maintenance.settled_page(tx, before, after, _PAGE)
            chosen = await maintenance.over(tx, ended, before, swept)
        for migration_id in chosen:
            await _migration(platform, migration_id, removed)


async def _migration(platform: Platform, migration_id: UUID, removed: Counter[str]) -> None:
    async def messages(tx: Transaction) -> int:
        return await maintenance.remove_messages(tx, migration_id, _BATCH)

    async def uploads(tx: Transaction) -> int:
        return await maintenance.remove_uploads(tx, migration_id, _BATCH)

    removed["messages"] += await _until_less(platform, messages, _BATCH)
    removed["uploads"] += await _until_less(platform, uploads, _BATCH)
    async with platform.database.transaction() as tx:
        removed["transfers"] += await maintenance.remove_migration(tx, migration_id)
    removed["migrations"] += 1


async def _mappings(platform: Platform, now: datetime, removed: Counter[str]) -> None:
    async with platform.database.reading() as tx:
        known = await maintenance.namespaces(tx)
    for length in (IDENTITY_MAPPING_LIFE, PRODUCT_MAPPING_LIFE):
        numbers = [number for number, name in known if life(name) == length]
        before = now - length - _RECORDABLE

        async def mappings(
            tx: Transaction, numbers: list[int] = numbers, before: datetime = before
        ) -> int:
            return await maintenance.remove_mappings(tx, numbers, before, 5 * _BATCH)

        removed["mappings"] += await _until_less(platform, mappings, 1)


async def _until_less(
    platform: Platform, remove: Callable[[Transaction], Awaitable[int]], enough: int
) -> int:
    """Repeat, each time in a transaction, until fewer than ``enough`` were found; how many."""
    total = 0
    while True:
        async with platform.database.transaction() as tx:
            count = await remove(tx)
        total += count
        if count < enough:
            return total
