"""The secret that seals the console's sessions, shared by all replicas."""

from ferryman.ids import new_secret
from ferryman.services.platform import Platform
from ferryman.store import secret as secret_store

_NAME = "console-sessions"


async def session_key(platform: Platform) -> bytes:
    """Return the secret of 32 bytes, which is created when it is first asked for."""
    async with platform.database.transaction() as tx:
        return await secret_store.get_or_create(tx, _NAME, new_secret)
