"""Loading and reading mappings over HTTP, against the bare statements on the same PostgreSQL.

Loads a tenth of FERRYMAN_BENCH_ROWS (default 10 million rows), then all of them, each into a scope
of its own; the peer copies the same CSV into a table without an index or a key. After each of them
keys are looked up and pages read through the API, and by the bare queries through asyncpg.
"""

import asyncio
import http.client
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import asyncpg

from bench._mapping_reads import FIRST, NAMESPACE, ROWS, Reads, of, read_figures
from bench._platform import Platform, serving
from bench.report import Figure
from bench.uploads import Watch
from ferryman.store.socket_path import socket_folder

PIECE = 1 << 20
MIB = 1 << 20


def run() -> list[Figure]:
    """Load two sizes, a factor ten apart, and read from each."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-", dir=os.environ.get("DIR")) as name:
        folder = Path(name)
        folder.chmod(0o755)
        with serving(folder / "data") as platform:
            address = address_of(platform)
            for rows in (ROWS // 10, ROWS):
                source = folder / "rows.csv"
                write_rows(source, rows)
                server_token, migration = begin(platform, rows)
                copied = asyncio.run(copy_bare(address, source))
                with Watch(platform.pid) as watch:
                    loaded = load(platform, migration["migrationId"], source)
                figures += load_figures(rows, loaded, copied, watch.most / MIB)
                reads = Reads(platform, server_token, migration["transfers"][0]["transferId"])
                figures += asyncio.run(read_figures(reads, address, rows))
    return figures


def address_of(platform: Platform) -> str:
    """Return the address of the platform's embedded PostgreSQL."""
    socket = quote(str(socket_folder((platform.data_dir / "postgres").resolve())), safe="/")
    return f"postgresql://postgres@/postgres?host={socket}"


def load_figures(rows: int, ours: float, peer: float, memory: float) -> list[Figure]:
    """Rows a second, and what the platform's process grew to."""
    return [
        Figure(
            figure=f"mapping load vs COPY{of(rows)}",
            unit="rows/s",
            ours=rows / ours,
            peer=rows / peer,
            peer_name="COPY into a bare table",
            less_is_better=False,
        ),
        Figure(
            figure=f"platform memory while loading {rows} mappings",
            unit="MiB",
            ours=memory,
            peer=512,
            peer_name="limit",
        ),
    ]


def write_rows(path: Path, rows: int) -> None:
    """Numeric ids, as a product writes them in the order of its own table."""
    with path.open("w") as file:
        for first in range(FIRST, FIRST + rows, 100_000):
            last = min(first + 100_000, FIRST + rows)
            file.writelines(f"{NAMESPACE},{n},{n + 5_000_000}\n" for n in range(first, last))


def begin(platform: Platform, number: int) -> tuple[str, Any]:
    """Create an app and start a migration in a scope of its own."""
    app = platform.call(
        "POST",
        "/admin/v1/apps",
        {
            "kind": "forge",
            "serverAppKey": f"bench.server{number}",
            "cloudAppKey": f"bench.cloud{number}",
            "windowSeconds": 86_400,
        },
    )
    migration = platform.call(
        "POST",
        "/admin/v1/migrations",
        {
            "name": "benchmark",
            "cloudUrl": f"https://bench{number}.example",
            "sourceId": "bench",
            "apps": [f"bench.cloud{number}"],
            "containers": [],
        },
    )
    platform.call("POST", f"/admin/v1/migrations/{migration['migrationId']}/start")
    return app["serverToken"], migration


def load(platform: Platform, migration_id: str, source: Path) -> float:
    """Seconds from the first byte to the answer that all of them are stored."""
    where = urlsplit(platform.url)
    assert where.hostname
    token = (platform.data_dir / "operator-token").read_text().strip()
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=3600)
    started = time.perf_counter()
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
    return seconds


def pieces(source: Path) -> Iterator[bytes]:
    """Yield the file, a MiB at a time."""
    with source.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


async def copy_bare(address: str, source: Path) -> float:
    """Seconds of COPY, as CSV, into three columns of text."""
    connection: Any = await asyncpg.connect(address)
    try:
        await connection.execute("DROP TABLE IF EXISTS bare")
        await connection.execute(
            "CREATE TABLE bare (namespace text, server_key text, cloud_key text)"
        )
        started = time.perf_counter()
        await connection.copy_to_table("bare", source=str(source), format="csv", timeout=3600)
        seconds = time.perf_counter() - started
        await connection.execute("DROP TABLE bare")
        return seconds
    finally:
        await connection.close()
