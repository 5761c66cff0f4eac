"""Refuse an object store that is not the one this database's files are in."""

import asyncio
from uuid import UUID

from ferryman import refusals
from ferryman.errors import NotFound, OutsideError
from ferryman.services.platform import Platform
from ferryman.store import storage as storage_store

_SAMPLE = 20
_FIRST, _LAST = UUID(int=0), UUID(int=(1 << 128) - 1)


async def check_known(platform: Platform) -> None:
    """Raise ``ConfigError`` (``store_foreign``) if the store has none of the files it should have.

    Another bucket, prefix or folder looks like a store that lost everything, and nobody would
    notice until a file is read. If only some files are lost, the sweep finds them.
    """
    async with platform.database.reading() as tx:
        kept = await storage_store.kept_between(tx, _FIRST, _LAST, size=_SAMPLE)
    held = await asyncio.gather(*(_is_held(platform, str(each.key)) for each in kept))
    if kept and not any(held):
        settings = platform.settings
        raise refusals.object_store.FOREIGN(
            place=settings.object_store.partition("?")[0] or settings.data_dir / "objects",
            count=len(kept),
        )


async def _is_held(platform: Platform, key: str) -> bool:
    try:
        await platform.objects.size(key)
    except NotFound:
        return False
    except OutsideError as error:
        # A file that is damaged is this platform's own, too.
        if error.code != refusals.object_store.DAMAGED.code:
            raise
    return True
