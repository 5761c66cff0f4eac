"""Try a store again, now and then: it verified each sha256 at start, and may have changed since."""

import asyncio
from datetime import datetime, timedelta

import structlog

from ferryman import refusals
from ferryman.objects.s3.capabilities import verifies_sha256
from ferryman.objects.s3.errors import store_errors
from ferryman.objects.s3.probe import Probe

log = structlog.get_logger("ferryman.objects")

TRUSTED_FOR = timedelta(minutes=1)
"""How long a trial holds."""


class DigestTrust:
    """Vouches that the store verifies sha256; ``since`` is when it was last seen to.

    The client of such a store has no md5 to compare an etag with. So no file is accepted when the
    last trial is older than ``TRUSTED_FOR`` and the next one fails.
    """

    def __init__(self, probe: Probe, since: datetime) -> None:
        self._probe = probe
        self._since = since
        self._trying = asyncio.Lock()

    async def renew(self, now: datetime) -> None:
        """Try the store if the last trial is too old at ``now``.

        Raises ``OutsideError``: ``store_unsuitable`` if it no longer verifies.
        """
        # A clock that was set back is no trial.
        if abs(now - self._since) < TRUSTED_FOR:
            return
        async with self._trying:
            if abs(now - self._since) < TRUSTED_FOR:
                return
            with store_errors():
                verified = await verifies_sha256(self._probe)
            if not verified:
                log.error("store.verifies_no_more", habit="verifies_sha256")
                raise refusals.object_store.VERIFIES_NO_MORE()
            self._since = now
