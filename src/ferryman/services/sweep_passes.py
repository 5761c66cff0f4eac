"""Garbage collection: delete expired data and orphaned objects, in the passes of a sweep.

Store and database are compared both ways. Rows are updated first, objects deleted after. A sweep
that is killed in between leaves objects without a row; the next one finds them in the store's own
list. The other order would leave rows that promise deleted files.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar
from uuid import UUID

from ferryman.clock import wall_now
from ferryman.domain.retention import (
    CleanupAction,
    Retention,
    RetentionCutoffs,
    action_for_file,
    action_for_upload,
)
from ferryman.errors import NotFound
from ferryman.objects.port import OpenUpload
from ferryman.services.platform import Platform
from ferryman.store import storage as storage_store
from ferryman.store.storage import KeptFile
from ferryman.wire.storage import StorageFinding

T = TypeVar("T")

_BATCH = 500
_AT_ONCE = 16
_FINDINGS = 100
_MOST_MISSING = 1_000
"""Stop after this many missing files, so that an emptied store is not asked for a million."""

_LAST_KEY = UUID(int=(1 << 128) - 1)


@dataclass
class Tally:
    """Counts and findings of a sweep so far."""

    deleted_files: int = 0
    deleted_bytes: int = 0
    closed_uploads: int = 0
    stray_uploads: int = 0
    stray_files: int = 0
    checked_files: int = 0
    missing_files: int = 0
    unknown_files: int = 0
    removed_unknown: int = 0
    findings: list[StorageFinding] = field(default_factory=list)

    def found(self, finding: StorageFinding) -> None:
        if len(self.findings) < _FINDINGS:
            self.findings.append(finding)


async def delete_expired_files(platform: Platform, over: RetentionCutoffs, tally: Tally) -> None:
    """Delete expired files: their rows first, then the objects."""
    while True:
        async with platform.database.transaction() as tx:
            ended = await storage_store.end_app_data(tx, over, size=_BATCH)
        await each_at_once((str(key) for key, _ in ended), platform.objects.delete)
        tally.deleted_files += len(ended)
        tally.deleted_bytes += sum(size for _, size in ended)
        if len(ended) < _BATCH:
            return


async def close_expired_uploads(platform: Platform, over: RetentionCutoffs, tally: Tally) -> None:
    """Close expired uploads: their rows first, then in the store."""
    while True:
        async with platform.database.transaction() as tx:
            closed = await storage_store.close_uploads(tx, over, size=_BATCH)
        await each_at_once(closed, lambda each: platform.objects.abort(str(each[0]), each[1]))
        tally.closed_uploads += len(closed)
        if len(closed) < _BATCH:
            return


async def abort_stray_uploads(platform: Platform, retention: Retention, tally: Tally) -> None:
    """Abort uploads that the store holds but no row refers to."""
    store = platform.objects
    async for batch in _batches(store.unfinished()):
        async with platform.database.reading() as tx:
            records = await storage_store.records(tx, [upload.key for upload in batch])

        def is_stray(upload: OpenUpload) -> bool:
            # Age by real time, since stores have their own clock.
            age = wall_now() - upload.since
            record = records.get(upload.key)  # noqa: B023 - used within this round only
            action = action_for_upload(record, upload.upload_ref, age=age, retention=retention)
            return action is CleanupAction.REMOVE

        stray = [upload for upload in batch if is_stray(upload)]
        await each_at_once(stray, lambda upload: store.abort(upload.key, upload.upload_ref))
        tally.stray_uploads += len(stray)


async def compare_files(platform: Platform, tally: Tally, *, remove_unknown: bool) -> None:
    """Compare files and rows, both ordered by key, so that a batch covers one range of both."""
    store, after = platform.objects, UUID(int=0)
    async for batch in _batches(store.files()):
        async with platform.database.reading() as tx:
            records = await storage_store.records(tx, batch)
        actions = {key: action_for_file(records.get(key)) for key in batch}
        stray = [key for key, action in actions.items() if action is CleanupAction.REMOVE]
        unknown = [key for key, action in actions.items() if action is CleanupAction.REPORT]
        for key in unknown:
            tally.found(StorageFinding(kind="unknown", key=key))
        await each_at_once(stray, store.delete)
        if remove_unknown:
            await each_at_once(unknown, store.delete)
            tally.removed_unknown += len(unknown)
        tally.stray_files += len(stray)
        tally.unknown_files += len(unknown)
        tally.checked_files += len(batch)
        last = UUID(max(batch))
        await _find_missing(platform, tally, after, last, listed=set(batch))
        after = max(after, last)
    await _find_missing(platform, tally, after, _LAST_KEY, listed=set())


async def _find_missing(
    platform: Platform, tally: Tally, after: UUID, last: UUID, *, listed: set[str]
) -> None:
    while tally.missing_files < _MOST_MISSING:
        async with platform.database.reading() as tx:
            kept = await storage_store.kept_between(tx, after, last, size=_BATCH)
        for file in kept:
            if str(file.key) not in listed and await _is_missing(platform, file):
                tally.missing_files += 1
                tally.found(
                    StorageFinding(
                        kind="missing",
                        key=str(file.key),
                        transfer_id=str(file.transfer_id) if file.transfer_id else None,
                        label=file.label,
                    )
                )
        if len(kept) < _BATCH:
            return
        after = kept[-1].key


async def _is_missing(platform: Platform, file: KeptFile) -> bool:
    """Ask for the file itself, since it may have come after the store was listed."""
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


async def each_at_once(items: Iterable[T], act: Callable[[T], Awaitable[None]]) -> None:
    """Act on all items, a few at a time; the first error stops it."""
    rest = iter(items)
    while some := list(islice(rest, _AT_ONCE)):
        await asyncio.gather(*map(act, some))
