"""Open the source of a backup or the target of a restore: place, database and files."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from ferryman import refusals
from ferryman.config import Settings
from ferryman.errors import ConfigError
from ferryman.objects.s3.address import parse_address
from ferryman.secret_box import PLAIN
from ferryman.server.backup.manifest import NAME, OBJECTS
from ferryman.server.backup.place import BackupPlace, Folder
from ferryman.server.build import open_store
from ferryman.server.serve import sole_owner
from ferryman.services.platform import Platform
from ferryman.store.availability import wait_until_available
from ferryman.store.database import Database
from ferryman.store.embedded import EmbeddedPostgres

DATABASE = "database/"
LOST_AND_FOUND = "lost+found"


@asynccontextmanager
async def open_place(address: str) -> AsyncIterator[BackupPlace]:
    """Yield the place of a backup that is there."""
    if address.startswith("s3://"):
        # Imported only if needed: S3's client takes half a second.
        from ferryman.server.backup.s3_place import s3_place

        async with s3_place(address) as place:
            yield place
    else:
        yield Folder(_absolute(address))


@asynccontextmanager
async def place_to_read(address: str) -> AsyncIterator[BackupPlace]:
    """Yield the place of a backup; if it is a folder, no other backup may write there meanwhile.

    Raises ``ConfigError`` (``backup_in_use``).
    """
    async with AsyncExitStack() as stack:
        place = await stack.enter_async_context(open_place(address))
        if isinstance(place, Folder):
            stack.enter_context(place.shared())
        yield place


@asynccontextmanager
async def place_to_fill(address: str) -> AsyncIterator[BackupPlace]:
    """Yield the place of a new backup; a folder is locked for us alone.

    Raises ``ConfigError``: ``backup_in_use`` or ``backup_place_foreign``.
    """
    async with AsyncExitStack() as stack:
        place = await stack.enter_async_context(open_place(address))
        if isinstance(place, Folder):
            _check_folder(place)
            stack.enter_context(place.alone())
        yield place


def check_apart(settings: Settings, address: str) -> None:
    """Refuse a place in whose folders the platform keeps its own files: old ones go from there.

    Raises ``ConfigError`` (``backup_place_foreign``).
    """
    if not address.startswith("s3://"):
        held = settings.data_dir.resolve().is_relative_to(_absolute(address).resolve())
        name = "the platform's data folder"
    elif settings.object_store:
        store, place = parse_address(settings.object_store), parse_address(address)
        # Without an endpoint it may be the same one.
        elsewhere = store.endpoint and place.endpoint and store.endpoint != place.endpoint
        held = (
            store.bucket == place.bucket
            and not elsewhere
            and store.prefix.startswith((place.prefix + OBJECTS, place.prefix + DATABASE))
        )
        name = "the platform's files"
    else:
        return
    if held:
        raise refusals.backup.PLACE_FOREIGN(place=address.partition("?")[0], name=name)


def _check_folder(place: Folder) -> None:
    """Refuse a folder that holds anything but a backup: we would delete those files as our own."""
    for name in left_in(place.root):
        if name not in (NAME, OBJECTS.rstrip("/"), DATABASE.rstrip("/"), *Folder.own):
            raise refusals.backup.PLACE_FOREIGN(place=place, name=name)


@asynccontextmanager
async def open_platform(settings: Settings, url: str) -> AsyncIterator[Platform]:
    """Yield a platform to read from; its schema is left as it is."""
    pool = await wait_until_available(url, size=max(4, settings.database_pool))
    try:
        async with AsyncExitStack() as stack:
            store = await open_store(settings, b"", stack, check=False)
            # Whichever clock the platform has: a real one has no offset.
            database = Database(pool, virtual=True, secrets=PLAIN)
            yield Platform(database, store, settings)
    finally:
        pool.terminate()


@asynccontextmanager
async def database_of(settings: Settings) -> AsyncIterator[str]:
    """Yield the URL of a platform's database; run the embedded one if no platform does.

    Raises ``ConfigError`` (``backup_source_missing``).
    """
    if settings.database_url is not None:
        yield settings.database_url
        return
    folder = settings.data_dir
    if not (folder / "postgres").is_dir():
        raise refusals.backup.NOTHING_HERE(folder=folder)
    postgres = EmbeddedPostgres(folder)
    async with AsyncExitStack() as stack:
        try:
            stack.enter_context(sole_owner(folder))
        except ConfigError:
            pass  # a platform runs, and keeps the database running
        else:
            stack.push_async_callback(asyncio.to_thread, postgres.stop)
        yield await asyncio.to_thread(postgres.start)


@asynccontextmanager
async def new_database(settings: Settings) -> AsyncIterator[str]:
    """Yield the URL of the database to restore into; an embedded one is made, and runs until then.

    Raises ``ConfigError`` (``data_dir_in_use``).
    """
    if settings.database_url is not None:
        yield settings.database_url
        return
    with sole_owner(settings.data_dir):
        postgres = EmbeddedPostgres(settings.data_dir)
        url = await asyncio.to_thread(postgres.start)
        try:
            yield url
        finally:
            await asyncio.to_thread(postgres.stop)


def _absolute(path: str) -> Path:
    return Path(path).expanduser().absolute()


def left_in(folder: Path) -> list[str]:
    """Return the names in a folder; none if it does not exist, or on a new disk."""
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if path.name != LOST_AND_FOUND)
