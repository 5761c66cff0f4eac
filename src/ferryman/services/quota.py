"""Bound what one app may hold of shared resources."""

import asyncio
from uuid import UUID

from ferryman import refusals
from ferryman.config import Settings
from ferryman.store import upload as upload_store
from ferryman.store.app import AppRow
from ferryman.store.database import Transaction

_SECONDS = 1.0
"""How long a count serves: a quota need not be exact, and most files are begun in bursts."""

_FEW = 1_000


class OpenUploads:
    """Counts the uploads that each app has open, as far as this process knows."""

    def __init__(self) -> None:
        self._counts: dict[UUID, tuple[float, int]] = {}

    async def admit(self, tx: Transaction, app: AppRow, settings: Settings, files: int) -> None:
        """Count ``files`` more; raise :class:`RateLimited` (``too_many_open_uploads``)."""
        now, limit = asyncio.get_running_loop().time(), settings.open_uploads
        until, count = self._counts.get(app.app_id, (0.0, 0))
        if now >= until:
            if len(self._counts) > _FEW:
                self._counts.clear()
            until, count = now + _SECONDS, await upload_store.count_open(tx, app.app_id, limit)
        if count >= limit:
            raise refusals.upload.TOO_MANY_OPEN(limit=limit)
        self._counts[app.app_id] = until, count + files
