"""The sha256 of a whole file whose sender did not tell it: by reading it once, from the store."""

import asyncio
from hashlib import sha256

from ferryman.services import transfer as transfer_service
from ferryman.services.part import touch
from ferryman.services.platform import Platform
from ferryman.store.app import App
from ferryman.store.upload import Upload

TOUCH_BYTES = 256 << 20
"""After so many the deadline of the transfer moves: what is read here is as good as coming in."""


async def digest_of(platform: Platform, app: App, upload: Upload) -> str:
    """Read a completed file; raises what its transfer refuses, when that ends meanwhile."""
    digest, unheard = sha256(), TOUCH_BYTES
    async for chunk in platform.objects.stream(str(upload.key)):
        if unheard >= TOUCH_BYTES:
            unheard = 0
            async with platform.database.transaction() as tx:
                stored = await transfer_service.lock_exporting(tx, app, str(upload.transfer_id))
                await touch(tx, stored)
        unheard += len(chunk)
        await asyncio.to_thread(digest.update, chunk)
    return digest.hexdigest()
