"""Remember which tokens were checked a moment ago, to save a database query per call."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from ferryman.ids import token_digest

T = TypeVar("T")

MEMORY = timedelta(seconds=5)
"""How long a token counts as checked, and so the longest that a revoked one still opens a replica.

Calls with cached apps use nothing of the app that registering it again can change.
"""

_MOST = 10_000


class TokenCache(Generic[T]):
    """Holders by the digest of their token, never the token itself; bounded, and per process."""

    def __init__(self) -> None:
        self._holders: dict[bytes, tuple[T, datetime]] = {}

    async def holder_of(
        self, token: str, now: datetime, check: Callable[[], Awaitable[tuple[T, datetime | None]]]
    ) -> T:
        """Return the holder of a token, calling ``check`` unless it was checked a moment ago.

        ``check`` returns the holder and the token's expiry, or raises; refusals are not cached.
        """
        digest = token_digest(token)
        known = self._holders.get(digest)
        if known is not None and now < known[1]:
            return known[0]
        holder, expires_at = await check()
        if len(self._holders) >= _MOST:
            self._holders.clear()
        kept = now + MEMORY
        self._holders[digest] = holder, kept if expires_at is None else min(kept, expires_at)
        return holder
