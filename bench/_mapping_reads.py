"""Look mappings up and page through them over HTTP, and by the bare queries."""

import http.client
import json
import os
import random
import time
from collections.abc import Awaitable, Callable
from functools import partial
from statistics import quantiles
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

import asyncpg

from bench._platform import Platform
from bench.report import Figure
from ferryman.services.platform import encode_cursor

ROWS = int(os.environ.get("FERRYMAN_BENCH_ROWS", "10000000"))
ROUNDS = 300
KEYS = 100
PAGE = 1_200
NAMESPACE = "jira:issue"
FIRST = 10_000
BARE_FIND = """
SELECT server_key, cloud_key FROM mapping WHERE namespace_id = $1 AND server_key = ANY($2)"""
BARE_PAGE = """
SELECT server_key, cloud_key FROM mapping WHERE namespace_id = $1 AND server_key > $2
ORDER BY server_key LIMIT 1201"""


def of(rows: int) -> str:
    """Tells the smaller size from the one that counts."""
    return "" if rows == ROWS else f", {rows} rows"


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
            f"mapping find {KEYS} keys{of(rows)}",
            [partial(reads.find, keys) for keys in asked],
            [partial(connection.fetch, BARE_FIND, number, keys) for keys in asked],
            KEYS,
        )
        for where, after in (("start", ""), ("end", ends[0]["server_key"])):
            figures += await compare(
                f"mapping page {PAGE} at the {where}{of(rows)}",
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
