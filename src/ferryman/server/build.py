"""A platform from settings: database, object store, secrets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog

from ferryman import ids
from ferryman.config import Settings
from ferryman.errors import OutsideError
from ferryman.ids import new_secret
from ferryman.objects.local import LocalStore
from ferryman.objects.port import ObjectStore
from ferryman.services.platform import Platform
from ferryman.store import clock, secret
from ferryman.store.database import CONNECTION_LOST, Database, open_pool
from ferryman.store.migrate import migrate
from ferryman.tokens import SigningKey

log = structlog.get_logger("ferryman.database")

_PATIENCE_SECONDS = 30.0
"""For a database to be there: its primary may be replaced at the moment at which we start."""


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
    pool = await _reach(database_url, settings.database_pool)
    try:
        database = Database(pool, virtual=settings.clock == "virtual")
        async with database.connection() as connection:
            await migrate(connection)
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


async def _reach(database_url: str, size: int) -> Any:
    loop = asyncio.get_running_loop()
    until = loop.time() + _PATIENCE_SECONDS
    while True:
        try:
            return await open_pool(database_url, size=size)
        except CONNECTION_LOST as exc:
            if loop.time() > until:
                raise OutsideError(
                    "database_unavailable",
                    expected="an answer from PostgreSQL",
                    found=type(exc).__name__,
                    fix="See that it runs, and that --database-url names it.",
                ) from exc
            log.warning("database.waits", error=type(exc).__name__)
            await asyncio.sleep(1.0)


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
        await store.check()
    return store


def _new_key() -> bytes:
    key = SigningKey.generate()
    return key.kid.encode() + b"\n" + key.private_pem


def _parse_key(stored: bytes) -> SigningKey:
    kid, _, pem = stored.partition(b"\n")
    return SigningKey(kid.decode(), pem)
