"""Deliveries a second: a backlog of events for a remote, worked off by one ``ferryman worker``.

Ours records every attempt and its outcome. Against a bare loop that posts the same bodies with
aiohttp, which is the ceiling, and against the same job done with procrastinate and aiohttp.
Each has the same PostgreSQL server, the same remote and as many posts in flight: 400, what a
worker has by default. The time is measured at the remote, from the first post to the last, so the
start of a worker or a queue does not count. Ours and the bare loop take turns; ROUNDS=2 makes them
fewer.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
import asyncpg
import procrastinate

from bench._backlog import APPS, IN_FLIGHT, add_pending, begin_one, receiving, working
from bench._bootstrap import interval
from bench.report import Figure
from ferryman.config import Settings
from ferryman.ids import new_id
from ferryman.server.build import build
from ferryman.store.embedded import EmbeddedPostgres
from ferryman.vocab import EventType

ROUNDS = int(os.environ.get("ROUNDS", "5"))
MESSAGES = int(os.environ.get("FERRYMAN_BENCH_MESSAGES", "10000"))


def run() -> list[Figure]:
    """Messages a second, each way."""
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        postgres = EmbeddedPostgres(folder)
        url = postgres.start()
        try:
            ours, raw = asyncio.run(_compare(folder, url))
            queue = asyncio.run(_procrastinate(url))
        finally:
            postgres.stop()
    common: dict[str, Any] = {"unit": "messages/s", "ours": median(ours), "less_is_better": False}
    return [
        Figure(
            figure="deliveries/s vs raw post loop",
            peer=median(raw),
            peer_name="aiohttp loop",
            interval=interval(raw, ours),
            target=0.6,
            **common,
        ),
        Figure(
            figure="deliveries/s vs procrastinate",
            peer=queue,
            peer_name="procrastinate + aiohttp",
            **common,
        ),
    ]


async def _compare(folder: Path, url: str) -> tuple[list[float], list[float]]:
    """Messages a second in each round: ours, the bare loop."""
    ours, raw = [], []
    for number in range(ROUNDS):
        ours.append(await _ours(folder, url, number))
        raw.append(await _raw())
        print(f"{ours[-1]:.0f} messages/s, bare {raw[-1]:.0f}", file=sys.stderr, flush=True)
    return ours, raw


async def _ours(folder: Path, url: str, number: int = 0) -> float:
    """Messages a second of a round, which has a remote and apps of its own."""
    async with build(Settings(data_dir=folder), url) as built:
        with receiving() as receiver:
            begun = [await begin_one(built, receiver.url, f"{number}.{app}") for app in range(APPS)]
            await add_pending(built, begun, MESSAGES)
            with working(folder, url):
                return await receiver.rate(MESSAGES)


def _payload() -> dict[str, Any]:
    return {
        "eventType": EventType.UPLOADED.value,
        "transferId": str(new_id()),
        "migrationDetails": {
            "migrationId": str(new_id()),
            "migrationScopeId": str(new_id()),
            "createdAt": 1723111376499,
            "cloudUrl": "https://bench.example",
            "name": "benchmark",
        },
        "key": str(new_id()),
        "label": "records",
        "serverAppVersion": "1.0",
        "messageId": str(new_id()),
    }


@asynccontextmanager
async def _session() -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(limit=IN_FLIGHT)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


async def _post(session: aiohttp.ClientSession, url: str, payload: dict[str, Any]) -> None:
    async with session.post(url, json=payload) as response:
        assert response.status == 200
        await response.read()


async def _raw() -> float:
    with receiving() as receiver:
        todo = iter([_payload() for _ in range(MESSAGES)])
        async with _session() as session:

            async def post_all() -> None:
                for payload in todo:
                    await _post(session, receiver.url, payload)

            await asyncio.gather(*(post_all() for _ in range(IN_FLIGHT)))
        return await receiver.rate(MESSAGES)


async def _procrastinate(url: str) -> float:
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE DATABASE procrastinate")
    await connection.close()
    address = url.replace("/postgres?", "/procrastinate?")
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=address))
    with receiving() as receiver:
        async with app.open_async(), _session() as session:
            await app.schema_manager.apply_schema_async()

            @app.task(name="post", retry=5)
            async def post(payload: dict[str, Any]) -> None:
                await _post(session, receiver.url, payload)

            jobs: list[dict[str, Any]] = [{"payload": _payload()} for _ in range(MESSAGES)]
            await post.batch_defer_async(*jobs)
            await app.run_worker_async(wait=False, concurrency=IN_FLIGHT)
        return await receiver.rate(MESSAGES)
