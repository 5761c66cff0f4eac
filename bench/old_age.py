"""Deliveries a second on a platform that has run for years: does it slow down?

The same backlog is worked off by one ``ferryman worker`` on an empty platform and on one with so
many messages that were delivered and acknowledged (FERRYMAN_BENCH_FINISHED, ten million by
default), each with its attempt, and so many transfers that run, each with its timer
(FERRYMAN_BENCH_TIMERS, a million). Every statement on the way must read only a handful of rows.
"""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

import asyncpg

from bench._backlog import add_pending, begin, receiving, working
from bench.deliveries import MESSAGES
from bench.report import Figure
from ferryman.config import Settings
from ferryman.ids import new_id
from ferryman.server.build import Built, build
from ferryman.store.database import STATEMENTS
from ferryman.store.embedded import EmbeddedPostgres
from ferryman.vocab import EventType

FINISHED = int(os.environ.get("FERRYMAN_BENCH_FINISHED", "10000000"))
TIMERS = int(os.environ.get("FERRYMAN_BENCH_TIMERS", "1000000"))
_ROUNDS = 5
_PAYLOAD = json.dumps({"eventType": EventType.UPLOADED.value, "key": "0" * 36, "label": "records"})


def run() -> list[Figure]:
    """Messages a second, with and without them; the median of rounds."""
    with postgres() as (folder, url):
        none, some = asyncio.run(_compare(folder, url))
    return [
        Figure(
            figure=f"deliveries/s beside {FINISHED:,} finished messages and {TIMERS:,} timers",
            unit="messages/s",
            ours=some,
            peer=none,
            peer_name="an empty platform",
            less_is_better=False,
        )
    ]


@contextmanager
def postgres() -> Iterator[tuple[Path, str]]:
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        postgres = EmbeddedPostgres(folder)
        try:
            yield folder, postgres.start()
        finally:
            postgres.stop()


async def _compare(folder: Path, url: str) -> tuple[float, float]:
    """Two databases of one server take turns, so that both see the same load."""
    connection: Any = await asyncpg.connect(url)
    await connection.execute("CREATE DATABASE aged")
    await connection.close()
    aged_url = url.replace("/postgres?", "/aged?")
    settings = Settings(data_dir=folder)
    async with build(settings, url) as young, build(settings, aged_url) as aged:
        with receiving() as receiver:
            sides = [
                (built, await begin(built, receiver.url), address)
                for built, address in ((young, url), (aged, aged_url))
            ]
        await _age(aged_url, sides[1][1])
        rates: list[list[float]] = [[], []]
        for _ in range(_ROUNDS):
            for found, side in zip(rates, sides, strict=True):
                found.append(await _rate(*side, folder))
        await _check_plans(aged, sides[1][1][0])
    print(f"none {rates[0]}, some {rates[1]}", file=sys.stderr)
    return median(rates[0]), median(rates[1])


async def _rate(built: Built, begun: list[tuple[UUID, UUID]], url: str, folder: Path) -> float:
    with receiving() as receiver:
        await _lead_to(built, receiver.url)
        before = await _wal(url)
        await add_pending(built, begun, MESSAGES)
        with working(folder, url):
            rate = await receiver.rate(MESSAGES)
        # What else the machine does changes no byte of the log, so growth shows here first.
        each = (await _wal(url) - before) / MESSAGES
        print(f"{rate:.0f} a second, {each:.0f} bytes of WAL each", file=sys.stderr, flush=True)
        return rate


async def _wal(url: str) -> int:
    connection: Any = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn"))
    finally:
        await connection.close()


async def _lead_to(built: Built, address: str) -> None:
    """Every receiver listens on a port of its own."""
    async with built.platform.database.transaction() as tx:
        await tx.connection.execute(
            "UPDATE app SET manifest ="
            " jsonb_set(manifest, '{remotes,0,baseUrl}', to_jsonb($1::text))",
            address,
        )


async def _age(url: str, begun: list[tuple[UUID, UUID]]) -> None:
    """Finished messages of the same apps and transfers, which is the worst place for them."""
    connection: Any = await asyncpg.connect(url)
    # No look at each row that is referred to, and no notification for each job.
    await connection.execute("SET session_replication_role = replica; SET work_mem = '256MB'")
    then = datetime.now(UTC) - timedelta(days=30)
    for number, (app_id, transfer_id) in enumerate(begun):
        count = FINISHED // len(begun)
        await connection.execute(
            _MESSAGES, transfer_id, app_id, EventType.UPLOADED.value, _PAYLOAD, then, count
        )
        await connection.execute(_ATTEMPTS, transfer_id, then)
        print(f"{(number + 1) * count:,} finished messages", file=sys.stderr, flush=True)
    await connection.execute(_TIMERS.format(begun[0][1], TIMERS))
    # As autovacuum has left them over the years: it would begin now, for all of them at once.
    await connection.execute("VACUUM (ANALYZE) message, attempt, transfer")
    await connection.execute("CHECKPOINT")
    await connection.close()


# In the order of their ids, since their index grows faster that way; it looks the same.
_MESSAGES = """
INSERT INTO message (message_id, transfer_id, app_id, event_type, payload, state, attempts,
                     acknowledgement, acknowledged_at, created_at)
SELECT id, $1, $2, $3, $4, 'DELIVERED', 1, 'SUCCESS', $5, $5
FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, $6) ORDER BY 1) AS finished
"""
_ATTEMPTS = """
INSERT INTO attempt (message_id, number, target, started_at, duration_ms, outcome)
SELECT message_id, 1, 'endpoint', $2, 12, 'DELIVERED' FROM message
WHERE transfer_id = $1 AND state = 'DELIVERED' ORDER BY message_id
"""
_TIMERS = """
INSERT INTO transfer (transfer_id, migration_id, app_id, created_at, status, window_seconds,
                      started_at, wake_at)
SELECT gen_random_uuid(), migration_id, app_id, created_at, 'IN_PROGRESS', 1209600, now(),
    now() + interval '1 hour' + random() * interval '13 days'
FROM generate_series(1, {1}), transfer WHERE transfer_id = '{0}'
"""


async def _check_plans(built: Built, pending: tuple[UUID, UUID]) -> None:
    """Check that a worker's frequent queries read no finished rows."""
    app_id, transfer_id = pending
    event, later = EventType.UPLOADED.value, datetime.now(UTC) + timedelta(days=1)
    for name, values in (
        ("due_lanes", ()),
        ("next_timers", ([], 100)),
        ("any_timer_due", (later,)),
        ("claim_messages", ([app_id], [event], [32], later, new_id())),
        ("lock_messages", ([new_id()],)),
        ("orphaned_messages", (500,)),
        ("any_in_flight", ()),
        ("outstanding_messages", (transfer_id, 100)),
        ("queue_metrics", (later,)),
        ("undelivered_count", (10_000,)),
    ):
        async with built.platform.database.reading() as tx:
            explained = f"EXPLAIN (ANALYZE, FORMAT JSON) {STATEMENTS[name].sql}"
            rows = await tx.connection.fetch(explained, *values)
        [plan] = json.loads(rows[0][0])
        scanned = [each for each in _nodes(plan["Plan"]) if each["Node Type"] == "Seq Scan"]
        if any(each.get("Relation Name") == "message" for each in scanned):
            raise SystemExit(f"{name} reads the whole table")
        print(f"{name}: {plan['Execution Time']:.2f} ms", file=sys.stderr)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", []):
        yield from _nodes(each)
