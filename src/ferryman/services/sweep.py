"""The sweep: what is over is deleted, and store and database are compared both ways (ADR 0025).

Rows are written first, objects go after. A sweep that is killed in between leaves objects that
no row wants; the next one sees them in the store's own list. The other order would leave rows
that promise what is gone.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import TypeVar
from uuid import UUID

import structlog

from ferryman.clock import epoch_ms, wall_now
from ferryman.domain.retention import Due, Fate, Retention, due, fate_of_file, fate_of_upload
from ferryman.errors import Conflict, NotFound, OutsideError
from ferryman.objects.port import Unfinished
from ferryman.services import maintenance
from ferryman.services.platform import Platform
from ferryman.store import storage
from ferryman.store.storage import Kept
from ferryman.wire.storage import Finding, StorageView, SweepReport

log = structlog.get_logger("ferryman.sweep")

T = TypeVar("T")

_BATCH = 500
_AT_ONCE = 16
_FINDINGS = 100
_MOST_MISSING = 1_000
"""A store that lost everything is not asked for each of a million files."""

_AGAIN = timedelta(minutes=10)
_LAST_KEY = UUID(int=(1 << 128) - 1)


@dataclass
class _Tally:
    """What a sweep did so far."""

    deleted_files: int = 0
    deleted_bytes: int = 0
    closed_uploads: int = 0
    stray_uploads: int = 0
    stray_files: int = 0
    checked_files: int = 0
    missing_files: int = 0
    unknown_files: int = 0
    removed_unknown: int = 0
    findings: list[Finding] = field(default_factory=list)

    def found(self, finding: Finding) -> None:
        if len(self.findings) < _FINDINGS:
            self.findings.append(finding)


async def view(platform: Platform) -> StorageView:
    """What is stored, and what the last sweep did and found."""
    async with platform.database.reading() as tx:
        counts = await storage.counts(tx)
        state = await storage.sweep_state(tx)
    return StorageView(
        **counts,
        next_sweep_at=None if state.due_at is None else epoch_ms(state.due_at),
        last_sweep=state.report,
        last_error=state.error,
    )


async def keep_timer(platform: Platform) -> None:
    """Set the timer unless it is set; a shorter setting pulls it nearer."""
    pause = timedelta(seconds=platform.settings.sweep_seconds)
    async with platform.database.transaction() as tx:
        if not await storage.has_timer(tx, pause):
            await storage.set_timer(tx, tx.now + pause)


async def wake(platform: Platform, job_id: int) -> None:
    """The timer fired; a job that is no longer the timer changes nothing."""
    async with platform.database.transaction() as tx:
        if not await storage.is_timer(tx, job_id):
            return
    pause = timedelta(seconds=platform.settings.sweep_seconds)
    try:
        await maintain(platform, timedelta(0))
        await sweep(platform)
    except Conflict:
        pass  # an operator has just begun one
    except OutsideError as exc:
        if exc.code == "database_unavailable":
            raise
        log.warning("sweep.broke_off", code=exc.code)
        pause = min(pause, _AGAIN)
    async with platform.database.transaction() as tx:
        if await storage.is_timer(tx, job_id):
            await storage.set_timer(tx, tx.now + pause)


async def maintain(platform: Platform, pause: timedelta) -> None:
    """Remove rows whose time is over, unless that was done within ``pause``.

    A mistake of ours in it keeps nothing from being swept.
    """
    async with platform.database.transaction() as tx:
        if not await storage.take_maintenance(tx, tx.now - pause):
            return
    try:
        await maintenance.run(platform)
    except OutsideError:
        raise
    except Exception:
        log.exception("maintenance.failed")


async def sweep(platform: Platform, *, remove_unknown: bool = False) -> SweepReport:
    """Sweep now; repeatable, and harmless beside anything else that goes on.

    Objects that no row knows are only reported unless ``remove_unknown``. Raises ``Conflict``
    (``sweep_running``), and ``OutsideError`` when the store does not answer.
    """
    async with storage.alone(platform.database, storage.SWEEPING) as mine:
        if not mine:
            raise Conflict(
                "sweep_running",
                expected="no sweep that is going on",
                found="one that a worker or another call does at this moment",
                fix="Wait for its end; GET /admin/v1/storage shows its report.",
            )
        try:
            return await _sweep(platform, remove_unknown=remove_unknown)
        except OutsideError as exc:
            if exc.code != "database_unavailable":
                async with platform.database.transaction() as tx:
                    await storage.set_error(tx, str(exc))
            raise


async def _sweep(platform: Platform, *, remove_unknown: bool) -> SweepReport:
    settings, tally = platform.settings, _Tally()
    retention = Retention(
        files=timedelta(days=settings.keep_settled_days),
        unfinished=timedelta(seconds=settings.keep_unfinished_seconds),
    )
    began = await platform.database.now()
    over = due(began, retention)
    await _end_files(platform, over, tally)
    await _close_uploads(platform, over, tally)
    await _compare_uploads(platform, retention, tally)
    await _compare_files(platform, tally, remove_unknown=remove_unknown)
    async with platform.database.transaction() as tx:
        report = SweepReport(
            started_at=epoch_ms(began),
            finished_at=epoch_ms(tx.now),
            **{name: getattr(tally, name) for name in _Tally.__dataclass_fields__},
        )
        await storage.set_report(tx, report)
    log.info("sweep.done", deleted=tally.deleted_files, found=len(tally.findings))
    return report


async def _end_files(platform: Platform, over: Due, tally: _Tally) -> None:
    while True:
        async with platform.database.transaction() as tx:
            ended = await storage.end_app_data(tx, over, size=_BATCH)
        await _each((str(key) for key, _ in ended), platform.objects.delete)
        tally.deleted_files += len(ended)
        tally.deleted_bytes += sum(size for _, size in ended)
        if len(ended) < _BATCH:
            return


async def _close_uploads(platform: Platform, over: Due, tally: _Tally) -> None:
    while True:
        async with platform.database.transaction() as tx:
            closed = await storage.close_uploads(tx, over, size=_BATCH)
        await _each(closed, lambda each: platform.objects.abort(str(each[0]), each[1]))
        tally.closed_uploads += len(closed)
        if len(closed) < _BATCH:
            return


async def _compare_uploads(platform: Platform, retention: Retention, tally: _Tally) -> None:
    store = platform.objects
    async for batch in _batches(store.unfinished()):
        async with platform.database.reading() as tx:
            known = await storage.records(tx, [each.key for each in batch])

        def is_stray(each: Unfinished) -> bool:
            # Age by real time: that is what a store's own clock shows.
            age = wall_now() - each.since
            record = known.get(each.key)  # noqa: B023 - used within this round only
            fate = fate_of_upload(record, each.upload_ref, age=age, retention=retention)
            return fate is Fate.REMOVE

        stray = [each for each in batch if is_stray(each)]
        await _each(stray, lambda each: store.abort(each.key, each.upload_ref))
        tally.stray_uploads += len(stray)


async def _compare_files(platform: Platform, tally: _Tally, *, remove_unknown: bool) -> None:
    """Both lists go by key, so that a batch of one answers to a stretch of the other."""
    store, after = platform.objects, UUID(int=0)
    async for batch in _batches(store.files()):
        async with platform.database.reading() as tx:
            known = await storage.records(tx, batch)
        fates = {key: fate_of_file(known.get(key)) for key in batch}
        stray = [key for key, fate in fates.items() if fate is Fate.REMOVE]
        unknown = [key for key, fate in fates.items() if fate is Fate.REPORT]
        for key in unknown:
            tally.found(Finding(kind="unknown", key=key))
        await _each(stray, store.delete)
        if remove_unknown:
            await _each(unknown, store.delete)
            tally.removed_unknown += len(unknown)
        tally.stray_files += len(stray)
        tally.unknown_files += len(unknown)
        tally.checked_files += len(batch)
        last = UUID(max(batch))
        await _find_missing(platform, tally, after, last, there=set(batch))
        after = max(after, last)
    await _find_missing(platform, tally, after, _LAST_KEY, there=set())


async def _find_missing(
    platform: Platform, tally: _Tally, after: UUID, last: UUID, *, there: set[str]
) -> None:
    while tally.missing_files < _MOST_MISSING:
        async with platform.database.reading() as tx:
            kept = await storage.kept_between(tx, after, last, size=_BATCH)
        for each in kept:
            if str(each.key) not in there and await _is_missing(platform, each):
                tally.missing_files += 1
                tally.found(
                    Finding(
                        kind="missing",
                        key=str(each.key),
                        transfer_id=str(each.transfer_id),
                        label=each.label,
                    )
                )
        if len(kept) < _BATCH:
            return
        after = kept[-1].key


async def _is_missing(platform: Platform, file: Kept) -> bool:
    """Asked for by itself: it may have come after the store was listed."""
    try:
        await platform.objects.size(str(file.key))
    except NotFound:
        return True
    return False


async def _batches(items: AsyncIterator[T]) -> AsyncIterator[Sequence[T]]:
    batch: list[T] = []
    async for item in items:
        batch.append(item)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


async def _each(items: Iterable[T], act: Callable[[T], Awaitable[None]]) -> None:
    """Act on all of them, a few at a time; an error ends it."""
    rest = iter(items)
    while some := list(islice(rest, _AT_ONCE)):
        await asyncio.gather(*map(act, some))
