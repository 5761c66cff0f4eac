"""Deliveries a second beside finished messages: does a platform that is years old slow down?

The same backlog is worked off by one ``ferryman worker`` as on the first day, and beside so many
messages, with their attempts, that were delivered and acknowledged (FERRYMAN_BENCH_FINISHED, one
million by default), copied into the real tables. Every statement of the way must then read a
handful of rows.
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

from bench.deliveries import MESSAGES, begin, owe, receiving, working
from bench.report import Figure
from ferryman.config import Settings
from ferryman.ids import new_id
from ferryman.server.build import Built, build
from ferryman.store.database import SQL
from ferryman.store.embedded import EmbeddedPostgres
from ferryman.vocab import EventType

FINISHED = int(os.environ.get("FERRYMAN_BENCH_FINISHED", "1000000"))
_ROUNDS = 3
_EACH = 50_000
_PAYLOAD = json.dumps({"eventType": EventType.UPLOADED.value, "key": "0" * 36, "label": "records"})


def run() -> list[Figure]:
    """Messages a second, with and without them; the median of rounds."""
    with postgres() as (folder, url):
        none, some = asyncio.run(_compare(folder, url))
    return [
        Figure(
            figure=f"deliveries/s with {FINISHED:,} finished messages vs none",
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
    """Two databases of one server take turns, so that both see the same weather."""
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
        await owe(built, begun, MESSAGES)
        with working(folder, url):
            return await receiver.rate(MESSAGES)


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
    then = datetime.now(UTC) - timedelta(days=30)
    columns = "message_id transfer_id app_id event_type payload state attempts acknowledgement"
    for number in range(0, FINISHED, _EACH):
        app_id, transfer_id = begun[number // _EACH % len(begun)]
        ids = [new_id() for _ in range(min(_EACH, FINISHED - number))]
        same = (transfer_id, app_id, EventType.UPLOADED.value, _PAYLOAD, "DELIVERED", 1, "SUCCESS")
        await connection.copy_records_to_table(
            "message",
            columns=[*columns.split(), "acknowledged_at", "created_at"],
            records=((each, *same, then, then) for each in ids),
        )
        await connection.copy_records_to_table(
            "attempt",
            columns=["message_id", "number", "target", "started_at", "duration_ms", "outcome"],
            records=((each, 1, "endpoint", then, 12, "DELIVERED") for each in ids),
        )
    # As autovacuum has left them over the years: it would begin now, for all of them at once.
    await connection.execute("VACUUM (ANALYZE) message, attempt")
    await connection.execute("CHECKPOINT")
    await connection.close()


async def _check_plans(built: Built, owed: tuple[UUID, UUID]) -> None:
    """What a worker asks all the time reads nothing of what is finished."""
    app_id, transfer_id = owed
    event, later = EventType.UPLOADED.value, datetime.now(UTC) + timedelta(days=1)
    for name, values in (
        ("due_lanes", ()),
        ("claim_messages", ([app_id], [event], [32], later, new_id())),
        ("lock_messages", ([new_id()],)),
        ("orphaned_messages", (500,)),
        ("any_in_flight", ()),
        ("outstanding_messages", (transfer_id, 100)),
        ("queue_figures", (later,)),
        ("undelivered_count", (10_000,)),
    ):
        async with built.platform.database.reading() as tx:
            explained = f"EXPLAIN (ANALYZE, FORMAT JSON) {getattr(SQL, name).sql}"
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
