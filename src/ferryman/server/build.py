"""Build a platform from settings: database, object store and secrets."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shutil import disk_usage
from typing import TYPE_CHECKING

import asyncpg
import structlog

from ferryman import ids, refusals
from ferryman.functions.hosting import Hostings
from ferryman.functions.sandbox.sandbox import Sandbox
from ferryman.ids import new_secret
from ferryman.network.trust import function_variables
from ferryman.objects.local import LocalStore
from ferryman.objects.port import ObjectStore
from ferryman.objects.sealing import ObjectKeys
from ferryman.secret_box import SecretBox
from ferryman.server.startup import announce_wait
from ferryman.services import signing_key
from ferryman.services.key_ring import KeyRing
from ferryman.services.known_store import check_known
from ferryman.services.platform import Platform
from ferryman.services.quota import HeldBytes
from ferryman.store import clock as clock_store
from ferryman.store import secret as secret_store
from ferryman.store.availability import is_transient, refused, wait_until_available
from ferryman.store.database import Database
from ferryman.store.database_address import check_address, servers_named
from ferryman.store.schema_migration import migrate

if TYPE_CHECKING:
    from ferryman.config import Settings

log = structlog.get_logger("ferryman.serve")


@dataclass(frozen=True, slots=True)
class Built:
    """A platform, and the keys that sign its tokens."""

    platform: Platform
    keys: KeyRing


@asynccontextmanager
async def build(
    settings: "Settings", database_url: str, *, check_store: bool = False
) -> AsyncIterator[Built]:
    """Connect to the database, migrate its schema, and load or create the shared secrets.

    ``check_store`` verifies that a remote store is usable, or claims a local folder for this
    platform. Workers skip it: deliveries continue while a store is down or unreachable.
    """
    check_address(database_url)
    secrets = SecretBox.of(settings.secret_key, settings.secret_key_file)
    server = servers_named(database_url)
    with announce_wait("database.waits", server=server, reason="no answer yet"):
        pool = await wait_until_available(database_url, size=settings.database_pool)
    try:
        database = Database(pool, virtual=settings.clock == "virtual", secrets=secrets)
        async with database.connection() as connection:
            try:
                await migrate(connection)
            except asyncpg.PostgresError as exc:
                raise exc if is_transient(exc) else refused(exc) from exc
        async with database.transaction() as tx:
            url_secret = await secret_store.get_or_create(tx, "object-urls", new_secret)
            keys = await signing_key.load(tx)
            if not database.virtual:
                await clock_store.resume(tx)
            passed = await clock_store.end_hold(tx)
            if settings.no_delivery:
                await clock_store.hold(tx, tx.now)
            if settings.seed is not None:
                # A new seed for every process and restart, so that no two draw the same ids.
                ids.seed(f"{settings.seed}/{await clock_store.count_start(tx)}")
        if passed:
            log.info("deadlines.given_back", seconds=round(passed.total_seconds()))
        async with AsyncExitStack() as stack:
            store = await open_store(settings, url_secret, stack, check=check_store)
            platform = Platform(
                database,
                store,
                settings,
                hostings=_hostings(settings),
                held_bytes=HeldBytes(_app_bytes(settings)),
            )
            stack.callback(platform.app_databases.close)
            if check_store:
                await check_known(platform)
            yield Built(platform, KeyRing(*keys, read=partial(signing_key.read, platform)))
    finally:
        pool.terminate()


def _app_bytes(settings: "Settings") -> int | None:
    """Return the most bytes of an app: as set, or half of the disk that all share."""
    if settings.app_bytes is not None or settings.object_store:
        return settings.app_bytes
    return disk_usage(settings.data_dir).total // 2


def _hostings(settings: "Settings") -> Hostings:
    sandbox = Sandbox(
        user_id=settings.function_uid,
        readable=(
            *(Path(path) for path in settings.function_reads.split(",") if path),
            *(Path(path) for path in function_variables(os.environ).values()),
        ),
        hidden=(settings.data_dir.resolve(),),
        scratch_bytes=settings.function_scratch_bytes,
        private=settings.posts_to_private_addresses,
    )
    writes = settings.function_folder("", Path("/")) == Path("/")
    return Hostings(settings.functions, sandbox, writes_source=writes)


async def open_store(
    settings: "Settings", url_secret: bytes, stack: AsyncExitStack, *, check: bool
) -> ObjectStore:
    """Open the store of the settings; ``check`` also tries it, or claims a local folder."""
    keys = ObjectKeys.of(settings.object_key, settings.object_key_file)
    if not settings.object_store:
        folder = LocalStore(
            settings.data_dir / "objects",
            url_secret,
            settings.base_url,
            part_size=settings.part_bytes,
            reserve=settings.disk_reserve_bytes,
            keys=keys,
        )
        await folder.check_keys(note=check)
        if check:
            folder.claim()
        return folder
    if keys:
        raise refusals.object_store.KEY_UNUSED()
    # Imported only if needed: S3's client takes half a second.
    from ferryman.objects.s3.address import parse_address
    from ferryman.objects.s3.client import s3_store

    address = parse_address(settings.object_store)
    store = await stack.enter_async_context(s3_store(address, part_size=settings.part_bytes))
    if check:
        with announce_wait("store.waits", bucket=address.bucket, endpoint=store.endpoint):
            await store.check()
    return store
