"""Loads of mappings over HTTP, and what COPY takes for the same rows."""

import asyncio
import http.client
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from bench._cpu import cpu_of
from bench._mapping_reads import FIRST, PAGE
from bench._platform import Platform, serving
from bench._targets import postmaster
from bench.uploads import Watch
from ferryman.store.embedded import EmbeddedPostgres

PIECE = 1 << 20
MIB = 1 << 20

_COLUMNS = ("namespace_id", "server_key", "cloud_key")
_BARE = """
CREATE TABLE bare (LIKE mapping INCLUDING INDEXES);
ALTER TABLE bare ALTER writer SET DEFAULT 1, ALTER written_at SET DEFAULT now()"""
_STAGED = "CREATE TEMP TABLE staged (LIKE bare INCLUDING DEFAULTS)"
_MERGE = """
INSERT INTO bare SELECT * FROM staged ON CONFLICT (namespace_id, server_key) DO UPDATE SET
    writer = excluded.writer, written_at = excluded.written_at, cloud_key = excluded.cloud_key;
DROP TABLE staged"""


@dataclass(frozen=True, slots=True)
class Load:
    """What one load took; ``memory`` is the most that the platform's process had, in MiB."""

    seconds: float
    cpu: float
    memory: float = 0.0


@dataclass(frozen=True, slots=True)
class Place:
    """A platform over a PostgreSQL server of its own, and where that is."""

    platform: Platform
    url: str
    postgres: int
    folder: Path


@contextmanager
def places() -> Iterator[Place]:
    """Start PostgreSQL, and a platform over it that serves by one process."""
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-", dir=os.environ.get("DIR")) as name:
        folder = Path(name)
        folder.chmod(0o755)
        postgres = EmbeddedPostgres(folder)
        url = postgres.start()
        settings: dict[str, Any] = {"rate_per_second": 1e9, "rate_burst": 10**9, "api_processes": 1}
        options = ("--workers", "0", "--database-url", url)
        try:
            with serving(folder / "ours", *options, **settings) as platform:
                asyncio.run(_execute(url, _BARE))
                yield Place(platform, url, postmaster(folder), folder)
        finally:
            postgres.stop()


async def _execute(url: str, statements: str) -> None:
    connection: Any = await asyncpg.connect(url)
    await connection.execute(statements)
    await connection.close()


def write_rows(path: Path, namespace: str, rows: int, value: int = 5_000_000) -> None:
    """Numeric ids, as a product writes them in the order of its own table."""
    with path.open("w") as file:
        for first in range(FIRST, FIRST + rows, 100_000):
            last = min(first + 100_000, FIRST + rows)
            file.writelines(f"{namespace},{n},{n + value}\n" for n in range(first, last))


def begin(platform: Platform, name: str) -> dict[str, Any]:
    """Create an app and start a migration in a scope of its own."""
    app = platform.call(
        "POST",
        "/admin/v1/apps",
        {
            "kind": "forge",
            "serverAppKey": f"bench.server-{name}",
            "cloudAppKey": f"bench.cloud-{name}",
            "windowSeconds": 86_400,
        },
    )
    migration = platform.call(
        "POST",
        "/admin/v1/migrations",
        {
            "name": "benchmark",
            "cloudUrl": f"https://bench{name}.example",
            "sourceId": "bench",
            "apps": [f"bench.cloud-{name}"],
            "containers": [],
        },
    )
    platform.call("POST", f"/admin/v1/migrations/{migration['migrationId']}/start")
    return {
        "migrationId": migration["migrationId"],
        "transferId": migration["transfers"][0]["transferId"],
        "serverToken": app["serverToken"],
        "port": urlsplit(platform.url).port,
    }


def load(place: Place, migration_id: str, source: Path) -> Load:
    """From the first byte to the answer that all rows are stored."""
    where = urlsplit(place.platform.url)
    assert where.hostname
    token = (place.platform.data_dir / "operator-token").read_text().strip()
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=3600)
    pids = place.platform.pid, place.postgres
    with Watch(place.platform.pid) as watch:
        before, started = sum(map(cpu_of, pids)), time.perf_counter()
        connection.request(
            "PUT",
            f"/admin/v1/migrations/{migration_id}/mappings",
            body=pieces(source),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "text/csv"},
            encode_chunked=True,
        )
        answer = connection.getresponse()
        counts = json.load(answer)
        seconds = time.perf_counter() - started
    if answer.status != 200 or counts["stored"] != counts["rows"]:
        raise SystemExit(f"the load failed: {counts}")
    return Load(seconds, sum(map(cpu_of, pids)) - before, watch.most / MIB)


def pieces(source: Path) -> Iterator[bytes]:
    """Yield the file, a MiB at a time."""
    with source.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


async def copied(place: Place, source: Path, *, merged: bool = False) -> Load:
    """COPY the file into the peer's table, or into another one that is merged into it."""
    connection: Any = await asyncpg.connect(place.url)
    try:
        before, own = cpu_of(place.postgres), time.process_time()
        started = time.perf_counter()
        async with connection.transaction():
            if merged:
                await connection.execute(_STAGED)
            await connection.copy_to_table(
                "staged" if merged else "bare",
                source=str(source),
                columns=_COLUMNS,
                format="csv",
                timeout=3600,
            )
            if merged:
                await connection.execute(_MERGE, timeout=3600)
        seconds = time.perf_counter() - started
        cpu = cpu_of(place.postgres) - before + time.process_time() - own
        return Load(seconds, cpu)
    finally:
        await connection.close()


async def analyzed(url: str) -> tuple[int, str]:
    """Gather statistics, for the peer's plans; return the last namespace, and its last page."""
    connection: Any = await asyncpg.connect(url)
    try:
        await connection.execute("ANALYZE mapping")
        number = await connection.fetchval("SELECT max(namespace_id) FROM mapping_namespace")
        late = await connection.fetchval(
            "SELECT server_key FROM mapping WHERE namespace_id = $1"
            " ORDER BY server_key DESC OFFSET $2 LIMIT 1",
            number,
            PAGE,
        )
        return number, late
    finally:
        await connection.close()
