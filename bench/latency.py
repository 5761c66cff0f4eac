"""Time from the commit that creates an event to its arrival: steady load, real processes.

Events come at a steady pace, each in a transaction of its own; one ``ferryman worker`` posts
them to a remote in a process of its own, which keeps the time of each. The same pace is held on
three databases of one server, in turns: with twenty apps; with one more that hangs, behind which a
backlog waits; and with a thousand apps that share the events.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

import asyncpg

from bench._backlog import APPS, Receiver, add_one_pending, begin, begin_one, receiving, working
from bench._bootstrap import interval
from bench.old_age import postgres
from bench.report import Figure
from ferryman.config import Settings
from ferryman.server.build import Built, build
from ferryman.store import transfer as transfer_store
from ferryman.store.transfer import StoredTransfer

RATE = int(os.environ.get("FERRYMAN_BENCH_RATE", "200"))
BACKLOG = int(os.environ.get("FERRYMAN_BENCH_BACKLOG", "100000"))
MANY = 1000
GOAL_MS = 15.0
WITHIN = 1 / 1.05
_ROUNDS = int(os.environ.get("FERRYMAN_BENCH_ROUNDS", "10"))
_SECONDS = 10.0
_PATIENCE = 60.0


@dataclass(slots=True)
class Side:
    """A database, what is due to whom, and what came of it."""

    name: str
    built: Built
    url: str
    pending: list[StoredTransfer]
    hanging: UUID | None = None
    halves: list[float] = field(default_factory=list)
    tails: list[float] = field(default_factory=list)

    @property
    def p50(self) -> float:
        """Milliseconds, the median of rounds."""
        return median(self.halves)

    @property
    def p99(self) -> float:
        """Milliseconds, the median of rounds."""
        return median(self.tails)


def run() -> list[Figure]:
    """Latencies in milliseconds."""
    with postgres() as (folder, url):
        plain, hung, many = asyncio.run(_compare(folder, url))
    return [
        _figure(f"latency p50 at {RATE} events/s", plain.p50, GOAL_MS, "the goal for p99"),
        _figure(f"latency p99 at {RATE} events/s", plain.p99, GOAL_MS, "the goal", 1.0),
        _beside("p50", hung.halves, plain.halves),
        _beside("p99", hung.tails, plain.tails),
        _figure(f"latency p99 of {MANY:,} apps", many.p99, plain.p99, f"{APPS} apps"),
    ]


def _figure(
    figure: str, ours: float, peer: float, peer_name: str, target: float | None = None
) -> Figure:
    return Figure(
        figure=figure, unit="ms", ours=ours, peer=peer, peer_name=peer_name, target=target
    )


def _beside(what: str, hung: list[float], plain: list[float]) -> Figure:
    return Figure(
        figure=f"latency {what} beside a hanging app",
        unit="ms",
        ours=median(hung),
        peer=median(plain),
        peer_name="none hangs",
        interval=interval(hung, plain),
        target=WITHIN,
    )


async def _compare(folder: Path, url: str) -> list[Side]:
    async with AsyncExitStack() as stack:
        receiver = stack.enter_context(receiving())
        sides = [
            await stack.enter_async_context(_side(name, folder, url, receiver, apps))
            for name, apps in (("plain", APPS), ("hanging", APPS), ("many", MANY))
        ]
        await _let_hang(sides[1], receiver)
        for _ in range(_ROUNDS):
            for side in sides:
                half, tail = await _round(side, folder, receiver)
                side.halves.append(half)
                side.tails.append(tail)
                print(f"{side.name}: p50 {half:.1f} ms, p99 {tail:.1f} ms", file=sys.stderr)
        return sides


@asynccontextmanager
async def _side(
    name: str, folder: Path, url: str, receiver: Receiver, apps: int
) -> AsyncIterator[Side]:
    connection: Any = await asyncpg.connect(url)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    own = url.replace("/postgres?", f"/{name}?")
    async with build(Settings(data_dir=folder), own) as built:
        begun = await begin(built, receiver.url, apps)
        async with built.platform.database.reading() as tx:
            found = [await transfer_store.by_id(tx, transfer_id) for _, transfer_id in begun]
        yield Side(name, built, own, [each for each in found if each is not None])


async def _let_hang(side: Side, receiver: Receiver) -> None:
    """Add an app that accepts requests and never answers, with many messages due."""
    app_id, transfer_id = await begin_one(side.built, f"{receiver.url}/hang", "hanging")
    async with side.built.platform.database.transaction() as tx:
        stored = await transfer_store.by_id(tx, transfer_id)
        assert stored is not None
        first = UUID(await add_one_pending(tx, stored))
        await tx.connection.execute(
            "INSERT INTO message (message_id, transfer_id, app_id, event_type, payload, state,"
            " allowed, created_at, next_attempt_at)"
            # As ids of messages are: they begin as their transfer's.
            " SELECT CAST(left(transfer_id::text, 13) || right(gen_random_uuid()::text, 23)"
            " AS uuid), transfer_id, app_id, event_type, payload, state, 1000,"
            " created_at, next_attempt_at FROM message, generate_series(1, $2)"
            " WHERE message_id = $1",
            first,
            BACKLOG,
        )
    async with side.built.platform.database.connection() as connection:
        await connection.execute("VACUUM ANALYZE message")
    side.hanging = app_id


async def _round(side: Side, folder: Path, receiver: Receiver) -> tuple[float, float]:
    """p50 and p99 in milliseconds; a breaker begins each round as if nothing had happened."""
    async with side.built.platform.database.transaction() as tx:
        await tx.connection.execute("DELETE FROM breaker")
    committed: dict[str, float] = {}
    with working(folder, side.url):
        first: dict[str, float] = {}
        for stored in side.pending:
            await _create_event(side, stored, first)
        await _arrived(receiver, first)
        await _owe_steadily(side, committed)
        arrived = await _arrived(receiver, committed)
    waits = sorted(1000 * (arrived[each] - at) for each, at in committed.items())
    return waits[len(waits) // 2], waits[len(waits) * 99 // 100]


async def _arrived(receiver: Receiver, committed: dict[str, float]) -> dict[str, float]:
    """Return when these messages arrived, once all have."""
    until = time.monotonic() + _PATIENCE
    while not committed.keys() <= (arrived := await asyncio.to_thread(_first, receiver)).keys():
        if time.monotonic() > until:
            raise SystemExit(f"some of {len(committed)} messages did not arrive")
        await asyncio.sleep(0.5)
    return arrived


async def _owe_steadily(side: Side, committed: dict[str, float]) -> None:
    """Owe events at the pace, whether or not the ones before are through."""
    begun = time.monotonic()
    tasks = []
    for number in range(int(RATE * _SECONDS)):
        await asyncio.sleep(max(0.0, begun + number / RATE - time.monotonic()))
        stored = side.pending[number % len(side.pending)]
        tasks.append(asyncio.create_task(_create_event(side, stored, committed)))
    await asyncio.gather(*tasks)


async def _create_event(side: Side, stored: StoredTransfer, committed: dict[str, float]) -> None:
    async with side.built.platform.database.transaction() as tx:
        message_id = await add_one_pending(tx, stored)
        at = time.time()  # the commit itself is counted: nobody can hear of it before
    committed[message_id] = at


def _first(receiver: Receiver) -> dict[str, float]:
    arrived: dict[str, float] = {}
    for at, message_id in receiver.seen():
        arrived.setdefault(message_id, at)
    return arrived
