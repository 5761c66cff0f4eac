"""The folder of an embedded database, made once for a test run and copied for each platform.

`initdb`, schema and key take over a second of a processor, and the disk until all is written.
"""

import asyncio
import atexit
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import asyncpg

from ferryman.store.database import Transaction
from ferryman.store.embedded import EmbeddedPostgres
from ferryman.store.schema_migration import migrate


def copy_embedded(data_dir: Path) -> None:
    """Make the data folder of a platform, with a database that has the current schema."""
    data_dir.mkdir(mode=0o700)
    subprocess.run(["cp", "-a", f"{_original()}/.", str(data_dir)], check=True)


@cache
def _original() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="ferryman-original-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    data_dir = folder / "data"
    make(data_dir)
    return data_dir


def make(data_dir: Path) -> None:
    """Make a data folder whose database has the current schema and a signing key."""
    data_dir.mkdir()
    server = EmbeddedPostgres(data_dir)
    url = server.start()
    try:
        with ThreadPoolExecutor(1) as pool:  # a test may run in an event loop
            # Nothing here has to outlive a power cut.
            durable = "ALTER SYSTEM SET fsync = off"
            pool.submit(asyncio.run, prepare(url, durable)).result()
    finally:
        server.stop()


async def prepare(url: str, *more: str) -> None:
    """Apply the schema, make the signing key, and run more statements.

    Making a key takes longer than most of the tests.
    """
    from ferryman.services import signing_key  # too much for tests that need no database

    connection: Any = await asyncpg.connect(url)
    try:
        await migrate(connection)
        async with connection.transaction():
            await signing_key.load(Transaction(connection, datetime.now(UTC)))
        for statement in more:
            await connection.execute(statement)
    finally:
        await connection.close()
