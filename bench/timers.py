"""Timers: how long a worker takes to settle transfers whose deadlines have passed, all at once.

Against a bare loop that does the least such a timer can do, as many at a time, in the same
database: lock the row, write its new status and a line of its history. It runs at two sizes, to
show whether the cost of a timer grows with their number.
"""

import asyncio
import os
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from bench._backlog import transfer_of
from bench.report import Figure
from ferryman.config import Settings
from ferryman.delivery.draining import Draining
from ferryman.delivery.timekeeper import Timekeeper
from ferryman.server.build import Built, build
from ferryman.store import timer as timer_store
from ferryman.store.embedded import EmbeddedPostgres
from ferryman.vocab import AppKind
from ferryman.wire.app import AppRegistration

COUNT = int(os.environ.get("FERRYMAN_BENCH_TIMERS", "10000"))
_AT_ONCE = 10

_OVERDUE = """
INSERT INTO transfer (transfer_id, migration_id, app_id, created_at, status, window_seconds,
                      started_at, wake_at)
SELECT gen_random_uuid(), migration_id, app_id, created_at, 'IN_PROGRESS', 900,
    now() - interval '20 minutes', now() - interval '5 minutes'
FROM generate_series(1, $2), transfer WHERE transfer_id = $1
"""
_LEAST = """
CREATE TABLE least (id serial PRIMARY KEY, status text NOT NULL, wake_at timestamptz);
CREATE TABLE least_line (id int NOT NULL, at timestamptz NOT NULL, text text NOT NULL);
INSERT INTO least (status, wake_at) SELECT 'IN_PROGRESS', now() FROM generate_series(1, {});
"""


def run() -> list[Figure]:
    """Timers a second, at two sizes."""
    figures = []
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        postgres = EmbeddedPostgres(folder)
        url = postgres.start()
        try:
            for count in (COUNT // 10, COUNT):
                ours = asyncio.run(_ours(folder, url, count))
                least = asyncio.run(_least(url, count))
                figures.append(
                    Figure(
                        figure=f"timers/s, {count:,} due at once",
                        unit="timers/s",
                        ours=ours,
                        peer=least,
                        peer_name="bare loop of row locks",
                        less_is_better=False,
                    )
                )
        finally:
            postgres.stop()
    return figures


async def _ours(folder: Path, url: str, count: int) -> float:
    async with build(Settings(data_dir=folder), url) as built:
        database = built.platform.database
        async with database.transaction() as tx:
            await tx.connection.execute(_OVERDUE, await _template(built, str(count)), count)
        stop = asyncio.Event()
        timekeeper = Timekeeper(built.platform, stop, Draining())
        began = time.perf_counter()
        running = asyncio.create_task(timekeeper.run())
        while True:
            async with database.reading() as tx:
                if not await timer_store.work_due(tx):
                    break
            await asyncio.sleep(0.02)
        seconds = time.perf_counter() - began
        stop.set()
        timekeeper.wake()
        await running
    return count / seconds


async def _template(built: Built, name: str) -> UUID:
    """Create a transfer to copy, of an app without events."""
    registration = AppRegistration(
        kind=AppKind.FORGE,
        server_app_key=f"bench.server.{name}",
        cloud_app_key=f"bench.cloud.{name}",
        manifest={"app": {"id": "ari:cloud:ecosystem::app/5f0c8b2e-6f0a-4b3e-9d0c-1b2a3c4d5e6f"}},
    )
    _, transfer_id = await transfer_of(built, registration)
    return transfer_id


async def _least(url: str, count: int) -> float:
    pool: Any = await asyncpg.create_pool(url, min_size=_AT_ONCE, max_size=_AT_ONCE)
    async with pool:
        await pool.execute(_LEAST.format(count))
        ids = iter(range(1, count + 1))

        async def settle() -> None:
            for each in ids:
                async with pool.acquire() as connection, connection.transaction():
                    await connection.execute("SELECT FROM least WHERE id = $1 FOR UPDATE", each)
                    await connection.execute(
                        "UPDATE least SET status = 'TIMED_OUT', wake_at = NULL WHERE id = $1", each
                    )
                    await connection.execute(
                        "INSERT INTO least_line VALUES ($1, now(), 'TIMED_OUT')", each
                    )

        began = time.perf_counter()
        await asyncio.gather(*(settle() for _ in range(_AT_ONCE)))
        seconds = time.perf_counter() - began
        await pool.execute("DROP TABLE least, least_line")
    return count / seconds
