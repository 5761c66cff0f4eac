"""A platform from settings: database, object store, secrets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ferryman.config import Settings
from ferryman.ids import new_secret
from ferryman.objects.local import LocalStore
from ferryman.services.platform import Platform
from ferryman.store import secret
from ferryman.store.database import Database, open_pool
from ferryman.store.migrate import migrate
from ferryman.tokens import SigningKey


@dataclass(frozen=True, slots=True)
class Built:
    """A platform and the key its tokens are signed with."""

    platform: Platform
    key: SigningKey


@asynccontextmanager
async def build(settings: Settings, database_url: str) -> AsyncIterator[Built]:
    """Connect, bring the schema up to date, and take up the shared secrets."""
    pool = await open_pool(database_url, size=settings.database_pool)
    try:
        async with pool.acquire() as connection:
            await migrate(connection)
        database = Database(pool, virtual=settings.clock == "virtual")
        async with database.transaction() as tx:
            url_secret = await secret.get_or_create(tx, "object-urls", new_secret)
            key = _parse_key(await secret.get_or_create(tx, "signing-key", _new_key))
        store = LocalStore(
            settings.data_dir / "objects",
            url_secret,
            settings.base_url,
            part_size=settings.part_bytes,
        )
        yield Built(Platform(database, store, settings), key)
    finally:
        pool.terminate()


def _new_key() -> bytes:
    key = SigningKey.generate()
    return key.kid.encode() + b"\n" + key.private_pem


def _parse_key(stored: bytes) -> SigningKey:
    kid, _, pem = stored.partition(b"\n")
    return SigningKey(kid.decode(), pem)
