"""Delete the files, stored values, objects and queues of a customer or an app."""

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from ferryman.services import app_object_bytes
from ferryman.services import sql as sql_service
from ferryman.services.platform import Platform
from ferryman.services.sweep_passes import each_at_once
from ferryman.store import app_object as object_store
from ferryman.store import purge as purge_store
from ferryman.store import queue as queue_store
from ferryman.store import state as state_store
from ferryman.store.database import Transaction
from ferryman.store.purge import Whose

_BATCH = 500
_VALUES = 2_000


async def delete_files(platform: Platform, whose: Whose) -> Counter[str]:
    """Delete all files and open uploads, so that no signed URL reads or writes one; repeatable.

    Returns the number of files, their bytes, and the number of uploads. An object whose deletion
    was interrupted has no row any more; the next sweep deletes it.
    """
    removed: Counter[str] = Counter()
    store = platform.objects
    while True:
        async with platform.database.transaction() as tx:
            ended = await purge_store.end_files(tx, whose, _BATCH)
            closed = await purge_store.end_uploads(tx, whose, _BATCH)
        await each_at_once((str(key) for key, _ in ended), store.delete)
        await each_at_once(closed, lambda each: store.abort(str(each[0]), each[1]))
        removed["files"] += len(ended)
        removed["bytes"] += sum(size for _, size in ended)
        removed["openUploads"] += len(closed)
        if max(len(ended), len(closed)) < _BATCH:
            return removed


async def delete_state(platform: Platform, app_id: UUID, site: str | None = None) -> Counter[str]:
    """Delete what an app keeps on one site or on all; repeatable.

    Returns the numbers of ``values`` and ``objects``.
    """
    async with platform.database.reading() as tx:
        sites = list((await state_store.sites(tx, app_id, site)).values())
    return await _delete_sites(platform, sites)


async def delete_state_of_removed(platform: Platform) -> int:
    """Delete what an interrupted removal of an app left; return the number of values."""
    async with platform.database.reading() as tx:
        sites = await state_store.sites_of_removed(tx)
    return (await _delete_sites(platform, sites))["values"] if sites else 0


async def _delete_sites(platform: Platform, app_site_ids: Sequence[int]) -> Counter[str]:
    await delete_queue_events(platform, app_site_ids)
    removed = Counter(
        values=await delete_values(platform, app_site_ids),
        objects=await delete_objects(platform, app_site_ids),
    )
    async with platform.database.transaction() as tx:
        return removed + await close_sites(platform, tx, app_site_ids)


async def delete_values(platform: Platform, app_site_ids: Sequence[int]) -> int:
    """Delete values until none is left for now; return their number."""
    removed = 0
    while True:
        async with platform.database.transaction() as tx:
            count = await state_store.purge_values(tx, app_site_ids, _VALUES)
        removed += count
        if count < _VALUES:
            return removed


async def delete_objects(platform: Platform, app_site_ids: Sequence[int]) -> int:
    """Delete objects, with their files, until none is left for now; return their number."""
    async with platform.database.reading() as tx:
        if not await object_store.any_of(tx, app_site_ids):
            return 0
    removed, more = 0, True
    while more:
        async with platform.database.transaction() as tx:
            # First the sites, as everything that replaces objects does.
            await state_store.hold_sites(tx, app_site_ids)
            ended, complete = await object_store.end_all(tx, app_site_ids, _VALUES)
        removed += complete
        more = ended == _VALUES
    await app_object_bytes.remove_gone(platform)
    return removed


async def delete_queue_events(platform: Platform, app_site_ids: Sequence[int]) -> int:
    """Delete the events of queues until none is left for now; return their number.

    A consumer that runs is not stopped.
    """
    removed = 0
    while True:
        async with platform.database.transaction() as tx:
            count = await queue_store.purge(tx, app_site_ids, _VALUES)
        removed += count
        if count < _VALUES:
            return removed


async def close_sites(
    platform: Platform, tx: Transaction, app_site_ids: Sequence[int]
) -> Counter[str]:
    """Delete the sites of apps, with their SQL databases and what was kept there since.

    Returns the numbers of these ``values`` and ``objects``, whose files the next sweep deletes.
    Events that were pushed since go with the sites.
    """
    # First the sites, as everything that writes values does.
    await state_store.hold_sites(tx, app_site_ids)
    left: Counter[str] = Counter()
    while count := await state_store.purge_values(tx, app_site_ids, _VALUES):
        left["values"] += count
    ended = _VALUES
    while ended == _VALUES:
        ended, complete = await object_store.end_all(tx, app_site_ids, _VALUES)
        left["objects"] += complete
    await sql_service.drop(platform, tx, app_site_ids)
    await state_store.purge_sites(tx, app_site_ids)
    return left
