"""Delete the files of a customer or an app: their rows first, then the objects."""

from collections import Counter

from ferryman.services.platform import Platform
from ferryman.services.sweep_passes import each_at_once
from ferryman.store import purge as purge_store
from ferryman.store.purge import Whose

_BATCH = 500


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
