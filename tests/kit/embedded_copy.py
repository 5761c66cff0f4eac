"""The folder of an embedded database, made once for a test run and copied for each platform.

`initdb` and the schema take a second of a processor, and the disk until all of it is written.
"""

import asyncio
import atexit
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import asyncpg

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
    data_dir.mkdir()
    server = EmbeddedPostgres(data_dir)
    url = server.start()
    try:
        with ThreadPoolExecutor(1) as pool:  # a test may run in an event loop
            pool.submit(asyncio.run, _prepare(url)).result()
    finally:
        server.stop()
    return data_dir


async def _prepare(url: str) -> None:
    connection: Any = await asyncpg.connect(url)
    try:
        await migrate(connection)
        # Nothing here has to outlive a power cut.
        await connection.execute("ALTER SYSTEM SET fsync = off")
    finally:
        await connection.close()
