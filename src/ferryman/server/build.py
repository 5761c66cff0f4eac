"""A platform from settings: database, object store, secrets."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import asyncpg

from ferryman import ids
from ferryman.config import Settings
from ferryman.ids import new_secret
from ferryman.objects.local import LocalStore
from ferryman.objects.port import ObjectStore
from ferryman.server.starting import tells_wait
from ferryman.services.platform import Platform
from ferryman.store import clock, secret
from ferryman.store.database import Database
from ferryman.store.database_address import check_address, servers_named
from ferryman.store.migrate import migrate
from ferryman.store.reaching import can_pass, reach, refused
from ferryman.tokens import SigningKey


@dataclass(frozen=True, slots=True)
class Built:
    """A platform and the key its tokens are signed with."""

    platform: Platform
    key: SigningKey


@asynccontextmanager
async def build(
    settings: Settings, database_url: str, *, check_store: bool = False
) -> AsyncIterator[Built]:
    """Connect, bring the schema up to date, and take up the shared secrets.

    ``check_store`` asks a store outside this machine whether it can be used, and claims a folder
    for this platform. Workers do not: deliveries go on while a store is down, or out of reach.
    """
    check_address(database_url)
    server = servers_named(database_url)
    with tells_wait("database.waits", server=server, reason="no answer yet"):
        pool = await reach(database_url, size=settings.database_pool)
    try:
        database = Database(pool, virtual=settings.clock == "virtual")
        async with database.connection() as connection:
            try:
                await migrate(connection)
            except asyncpg.PostgresError as exc:
                raise exc if can_pass(exc) else refused(exc) from exc
        async with database.transaction() as tx:
            url_secret = await secret.get_or_create(tx, "object-urls", new_secret)
            key = _parse_key(await secret.get_or_create(tx, "signing-key", _new_key))
            if not database.virtual:
                await clock.resume(tx)
            if settings.seed is not None:
                # No two processes draw the same ids, nor one and its successor.
                ids.seed(f"{settings.seed}/{await clock.count_start(tx)}")
        async with AsyncExitStack() as stack:
            store = await _open_store(settings, url_secret, stack, check=check_store)
            yield Built(Platform(database, store, settings), key)
    finally:
        pool.terminate()


async def _open_store(
    settings: Settings, url_secret: bytes, stack: AsyncExitStack, *, check: bool
) -> ObjectStore:
    if not settings.object_store:
        folder = LocalStore(
            settings.data_dir / "objects",
            url_secret,
            settings.base_url,
            part_size=settings.part_bytes,
        )
        if check:
            folder.claim()
        return folder
    # Imported only where it is used: S3's client takes half a second.
    from ferryman.objects.s3.address import parse_address
    from ferryman.objects.s3.opening import s3_store

    address = parse_address(settings.object_store)
    store = await stack.enter_async_context(s3_store(address, part_size=settings.part_bytes))
    if check:
        with tells_wait("store.waits", bucket=address.bucket, endpoint=store.endpoint):
            await store.check()
    return store


def _new_key() -> bytes:
    key = SigningKey.generate()
    return key.kid.encode() + b"\n" + key.private_pem


def _parse_key(stored: bytes) -> SigningKey:
    kid, _, pem = stored.partition(b"\n")
    return SigningKey(kid.decode(), pem)
