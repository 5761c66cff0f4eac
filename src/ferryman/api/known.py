"""Who showed which token a moment ago, so that not every call has to ask the database."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from ferryman.ids import token_digest
from ferryman.store.app import App

MEMORY = timedelta(seconds=5)
"""So long a token counts as checked. None is ever taken back, and of the app nothing is used on
these calls that registering it again can change."""

_MOST = 10_000

Check = Callable[[], Awaitable[tuple[App, datetime | None]]]


class KnownTokens:
    """Apps by the digest of a token, which itself is not kept; bounded, in this process only."""

    def __init__(self) -> None:
        self._apps: dict[bytes, tuple[App, datetime]] = {}

    async def app_of(self, token: str, now: datetime, check: Check) -> App:
        """Whose token it is; ``check`` is asked unless it was a moment ago.

        It tells the app and until when the token is good, or raises: a refusal is not kept.
        """
        digest = token_digest(token)
        found, until = self._apps.get(digest, (None, now))
        if found is not None and now < until:
            return found
        app, expires_at = await check()
        if len(self._apps) >= _MOST:
            self._apps.clear()
        kept = now + MEMORY
        self._apps[digest] = app, kept if expires_at is None else min(kept, expires_at)
        return app
