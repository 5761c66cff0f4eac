"""Sweep the object store, by hand or by a timer (ADR 0025); ``sweep_passes.py`` does the work."""

from datetime import timedelta
from math import inf

import structlog

from ferryman import refusals
from ferryman.clock import epoch_ms
from ferryman.domain.access import PLATFORM, Actor
from ferryman.domain.retention import Retention, cutoffs
from ferryman.errors import OutsideError
from ferryman.services import app_object_bytes, audit, maintenance
from ferryman.services.platform import Platform
from ferryman.services.sweep_passes import (
    Tally,
    abort_stray_uploads,
    close_expired_uploads,
    compare_files,
    delete_expired_files,
)
from ferryman.store import storage as storage_store
from ferryman.wire.storage import StorageView, SweepReport

log = structlog.get_logger("ferryman.sweep")


_AGAIN = timedelta(minutes=10)


async def view(platform: Platform) -> StorageView:
    """Return how much is stored, and the report of the last sweep."""
    async with platform.database.reading() as tx:
        counts = await storage_store.counts(tx)
        state = await storage_store.sweep_state(tx)
    return StorageView(
        **counts,
        next_sweep_at=None if state.due_at is None else epoch_ms(state.due_at),
        last_sweep=state.report,
        last_error=state.error,
    )


async def keep_timer(platform: Platform) -> None:
    """Set the timer unless it is set; a shorter setting brings it forward."""
    pause = timedelta(seconds=platform.settings.sweep_seconds)
    async with platform.database.transaction() as tx:
        await storage_store.keep_timer(tx, tx.now + pause)


async def seconds_to_timer(platform: Platform) -> float:
    """Return the seconds of platform time until the next sweep; 0 or less if it is due."""
    async with platform.database.reading() as tx:
        due = (await storage_store.sweep_state(tx)).due_at
        return inf if due is None else (due - tx.now).total_seconds()


async def on_timer(platform: Platform) -> bool:
    """Maintain and sweep if the timer is due, set the next timer, and return True.

    Returns False, with nothing changed, if it is not due or another process sweeps.
    """
    pause = timedelta(seconds=platform.settings.sweep_seconds)
    async with storage_store.alone(platform.database, storage_store.SWEEPING) as mine:
        if not mine or await seconds_to_timer(platform) > 0:
            return False
        try:
            await maintain(platform, timedelta(0))
            await _sweep_alone(platform)
        except OutsideError as exc:
            if exc.code == "database_unavailable":
                raise
            log.warning("sweep.broke_off", code=exc.code)
            pause = min(pause, _AGAIN)
        async with platform.database.transaction() as tx:
            await storage_store.set_timer(tx, tx.now + pause)
    return True


async def maintain(platform: Platform, pause: timedelta) -> None:
    """Remove expired rows, unless that was done within ``pause``.

    A bug in it is logged, and does not stop the sweep.
    """
    async with platform.database.transaction() as tx:
        if not await storage_store.take_maintenance(tx, tx.now - pause):
            return
    try:
        await maintenance.run(platform)
    except OutsideError:
        raise
    except Exception:
        log.exception("maintenance.failed")


async def sweep(
    platform: Platform, *, remove_unknown: bool = False, by: Actor = PLATFORM
) -> SweepReport:
    """Sweep now; repeatable, and safe beside any other operation.

    Objects without a row are only reported unless ``remove_unknown``. Raises ``Conflict``
    (``sweep_running``), and ``OutsideError`` if the store does not answer.
    """
    async with storage_store.alone(platform.database, storage_store.SWEEPING) as mine:
        if not mine:
            raise refusals.object_store.SWEEP_RUNNING()
        # A sweep is many transactions; the report has what it did.
        async with platform.database.transaction() as tx:
            await audit.record(tx, by, "sweep_storage", after={"removeUnknown": remove_unknown})
        return await _sweep_alone(platform, remove_unknown=remove_unknown)


async def _sweep_alone(platform: Platform, *, remove_unknown: bool = False) -> SweepReport:
    """Sweep while holding the lock, and store the error that ends it."""
    try:
        return await _sweep(platform, remove_unknown=remove_unknown)
    except OutsideError as exc:
        if exc.code != "database_unavailable":
            async with platform.database.transaction() as tx:
                await storage_store.set_error(tx, str(exc))
        raise


async def _sweep(platform: Platform, *, remove_unknown: bool) -> SweepReport:
    settings, tally = platform.settings, Tally()
    retention = Retention(
        files=timedelta(days=settings.keep_settled_days),
        unfinished=timedelta(seconds=settings.keep_unfinished_seconds),
    )
    began = await platform.database.now()
    over = cutoffs(began, retention)
    await delete_expired_files(platform, over, tally)
    await close_expired_uploads(platform, over, tally)
    await abort_stray_uploads(platform, retention, tally)
    await app_object_bytes.remove_unfinished(platform, began - retention.unfinished)
    await compare_files(platform, tally, remove_unknown=remove_unknown)
    async with platform.database.transaction() as tx:
        report = SweepReport(
            started_at=epoch_ms(began),
            finished_at=epoch_ms(tx.now),
            **{name: getattr(tally, name) for name in Tally.__dataclass_fields__},
        )
        await storage_store.set_report(tx, report)
    log.info("sweep.done", deleted=tally.deleted_files, found=len(tally.findings))
    return report
