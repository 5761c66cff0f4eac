"""Loading and reading mappings over HTTP, against the bare statements on the same PostgreSQL.

Loads a tenth of FERRYMAN_BENCH_ROWS (default 10 million rows), then all of them, each into a scope
of its own; the peer copies the same CSV into a table without an index or a key. After each of them
keys are looked up and pages read through the API, and by the bare queries through asyncpg.
"""

import asyncio
import http.client
import json
import os
import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from uuid import UUID

import asyncpg

from bench._platform import Platform, serving
from bench.report import Figure
from bench.uploads import Watch
from ferryman.services.platform import encode_cursor
from ferryman.store.socket_path import socket_folder

ROWS = int(os.environ.get("FERRYMAN_BENCH_ROWS", "10000000"))
ROUNDS = 300
KEYS = 100
PAGE = 1_200
PIECE = 1 << 20
NAMESPACE = "jira:issue"
FIRST = 10_000
MIB = 1 << 20

BARE_FIND = """
SELECT server_key, cloud_key FROM mapping WHERE namespace_id = $1 AND server_key = ANY($2)"""
BARE_PAGE = """
SELECT server_key, cloud_key FROM mapping WHERE namespace_id = $1 AND server_key > $2
ORDER BY server_key LIMIT 1201"""


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
            figure=f"mapping load vs COPY{_of(rows)}",
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


def _of(rows: int) -> str:
    """Tells the smaller size from the one that counts."""
    return "" if rows == ROWS else f", {rows} rows"


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


class Reads:
    """Calls of the server surface over one connection that stays open."""

    def __init__(self, platform: Platform, token: str, transfer_id: str) -> None:
        where = urlsplit(platform.url)
        assert where.hostname
        self.transfer_id = transfer_id
        self._connection = http.client.HTTPConnection(where.hostname, where.port, timeout=60)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def find(self, keys: list[str]) -> dict[str, str]:
        """Look keys up."""
        found: dict[str, str] = self._call("POST", "find", {}, json.dumps(keys))
        return found

    def page(self, after: str) -> dict[str, str]:
        """Read the page after a key."""
        query = ("mappings", UUID(self.transfer_id), NAMESPACE)
        cursor = {"lastEntity": encode_cursor(after, *query)} if after else {}
        page = self._call("GET", "page", cursor, None)
        items: dict[str, str] = page["items"]
        return items

    def _call(self, method: str, what: str, query: dict[str, str], body: str | None) -> Any:
        text = urlencode({"namespace": NAMESPACE, **query})
        path = f"/server/v1/transfers/{self.transfer_id}/mappings/{what}?{text}"
        self._connection.request(method, path, body=body, headers=self._headers)
        answer = self._connection.getresponse()
        found = json.load(answer)
        if answer.status != 200:
            raise SystemExit(f"{method} {path}: {found}")
        return found


async def read_figures(reads: Reads, address: str, rows: int) -> list[Figure]:
    """p50 and p99 of look-ups, and of pages at both ends."""
    connection: Any = await asyncpg.connect(address)
    try:
        # Without statistics the bare query reads all that follows and sorts it; ours never does.
        await connection.execute("ANALYZE mapping")
        number: int = await connection.fetchval(
            "SELECT max(namespace_id) FROM mapping_namespace WHERE namespace = $1", NAMESPACE
        )
        ends = await connection.fetch(
            "SELECT server_key FROM mapping WHERE namespace_id = $1"
            " ORDER BY server_key DESC OFFSET $2 LIMIT 1",
            number,
            PAGE,
        )
        chance = random.Random(7)
        asked = [
            [str(n) for n in chance.sample(range(FIRST, FIRST + rows), KEYS)] for _ in range(ROUNDS)
        ]
        figures = await compare(
            f"mapping find {KEYS} keys{_of(rows)}",
            [partial(reads.find, keys) for keys in asked],
            [partial(connection.fetch, BARE_FIND, number, keys) for keys in asked],
            KEYS,
        )
        for where, after in (("start", ""), ("end", ends[0]["server_key"])):
            figures += await compare(
                f"mapping page {PAGE} at the {where}{_of(rows)}",
                [partial(reads.page, after)] * ROUNDS,
                [partial(connection.fetch, BARE_PAGE, number, after)] * ROUNDS,
                PAGE,
            )
        return figures
    finally:
        await connection.close()


async def compare(
    what: str,
    ours: list[Callable[[], dict[str, str]]],
    peer: list[Callable[[], Awaitable[list[Any]]]],
    expected: int,
) -> list[Figure]:
    """Milliseconds of each kind of call, in turns so that both see the same noise."""
    times: tuple[list[float], list[float]] = ([], [])
    for call, bare in zip(ours, peer, strict=True):
        started = time.perf_counter()
        assert len(call()) == expected
        between = time.perf_counter()
        assert len(await bare()) >= expected
        times[0].append(1000 * (between - started))
        times[1].append(1000 * (time.perf_counter() - between))
    return [
        Figure(
            figure=f"{what}, p{percent}",
            unit="ms",
            ours=quantiles(times[0], n=100)[percent - 1],
            peer=quantiles(times[1], n=100)[percent - 1],
            peer_name="bare query, asyncpg",
        )
        for percent in (50, 99)
    ]
