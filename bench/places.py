"""Deliveries a second to the functions of many apps: are more places never slower?

Fifty apps, each with a backlog for a function that returns at once, worked off by one worker with
four places, by three of them, and by one with twelve. Each is compared with the best of the three;
hosts start cold in every round, and are kept as long as there is room, so three workers start three
times as many. The events fall due when all workers wait for them. On a busy machine the processor
time of a delivery, by the workers and all below them, tells more than the rate.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

from bench._backlog import add_pending, transfer_of
from bench._cpu import cpu_of
from bench.old_age import postgres
from bench.report import Figure
from ferryman.config import Settings
from ferryman.server.build import Built, build
from ferryman.store import worker as worker_store
from ferryman.vocab import AppKind, EventType
from ferryman.wire.app import AppRegistration

APPS = 50
EACH = int(os.environ.get("FERRYMAN_BENCH_MESSAGES", "5000")) // APPS
_ROUNDS = int(os.environ.get("FERRYMAN_BENCH_ROUNDS", "3"))
_SHAPES = ((1, 4), (3, 4), (1, 12))
_PATIENCE = 900.0
_FUNCTION = "def run(event, context):\n    return None\n"


def run() -> list[Figure]:
    """Messages a second of each shape, the median of rounds, against the best."""
    with postgres() as (folder, url):
        rates = asyncio.run(_compare(folder, url))
    best = max(rates, key=lambda shape: rates[shape][0])
    least = min(rates, key=lambda shape: rates[shape][1])
    return [
        Figure(
            figure=f"deliveries/s to {APPS} functions, workers {_name(shape)} places",
            unit="messages/s",
            ours=rate,
            peer=rates[best][0],
            peer_name=f"{_name(best)}, the best",
            less_is_better=False,
        )
        for shape, (rate, _) in rates.items()
    ] + [
        Figure(
            figure=f"processor time of a delivery, workers {_name(shape)} places",
            unit="ms",
            ours=spent,
            peer=rates[least][1],
            peer_name=f"{_name(least)}, the best",
        )
        for shape, (_, spent) in rates.items()
    ]


def _name(shape: tuple[int, int]) -> str:
    return f"{shape[0]} of {shape[1]}"


async def _compare(folder: Path, url: str) -> dict[tuple[int, int], tuple[float, float]]:
    found: dict[tuple[int, int], list[tuple[float, float]]] = {shape: [] for shape in _SHAPES}
    async with build(Settings(data_dir=folder), url) as built:
        begun = [await _begin(built, folder, number) for number in range(APPS)]
        for _ in range(_ROUNDS):
            for shape, rates in found.items():
                await add_pending(built, begun, EACH * APPS)
                rates.append(await _round(built, folder, url, shape))
                print(
                    f"{_name(shape)}: {rates[-1][0]:.0f} messages/s, {rates[-1][1]:.1f} ms each",
                    file=sys.stderr,
                )
    return {
        shape: (median(rate for rate, _ in each), median(spent for _, spent in each))
        for shape, each in found.items()
    }


async def _round(
    built: Built, folder: Path, url: str, shape: tuple[int, int]
) -> tuple[float, float]:
    """Messages a second, and milliseconds of the processor for each."""
    workers, places = shape
    until = time.monotonic() + _PATIENCE
    await _due(built, timedelta(days=1))
    with _working(folder, url, workers, places) as processes:
        while await _alive(built) < workers:  # noqa: ASYNC110 - other processes have no event
            await asyncio.sleep(0.1)
        before_all = sum(cpu_of(process.pid) for process in processes)
        await _due(built, timedelta())
        began = 0.0
        left = EACH * APPS
        while left:
            if time.monotonic() > until:
                raise SystemExit(f"{left} messages are not delivered")
            await asyncio.sleep(0.1)
            before, left = left, await _waiting(built)
            if before > left and not began:
                began, first = time.monotonic(), left
        rate = first / (time.monotonic() - began)
        spent = sum(cpu_of(process.pid) for process in processes) - before_all
        return rate, spent / (EACH * APPS) * 1000


async def _due(built: Built, delay: timedelta) -> None:
    """Let all messages fall due after a while."""
    async with built.platform.database.transaction() as tx:
        await tx.connection.execute(
            "UPDATE message SET next_attempt_at = now() + $1 WHERE state = 'PENDING'", delay
        )


async def _alive(built: Built) -> int:
    async with built.platform.database.reading() as tx:
        return (await worker_store.alive(tx, timedelta(seconds=30))).alive


async def _waiting(built: Built) -> int:
    async with built.platform.database.reading() as tx:
        found = await tx.connection.fetchval("SELECT count(*) FROM message WHERE state = 'PENDING'")
        return int(found)


async def _begin(built: Built, folder: Path, number: int) -> tuple[UUID, UUID]:
    """Register one app with a function and make a transfer of it: (app, transfer) ids."""
    source = folder / f"app-{number}"
    source.mkdir()
    (source / "index.py").write_text(_FUNCTION)
    events = [EventType.UPLOADED.value]
    manifest: dict[str, Any] = {
        "app": {"id": "ari:cloud:ecosystem::app/5f0c8b2e-6f0a-4b3e-9d0c-1b2a3c4d5e6f"},
        "modules": {
            "function": [{"key": "run", "handler": "index.run"}],
            "trigger": [{"key": "trigger", "function": "run", "events": events}],
        },
    }
    registration = AppRegistration(
        kind=AppKind.FORGE,
        server_app_key=f"bench.server.{number}",
        cloud_app_key=f"bench.cloud.{number}",
        window_seconds=86_400,
        manifest=manifest,
        source=str(source),
    )
    return await transfer_of(built, registration)


@contextmanager
def _working(
    folder: Path, url: str, workers: int, places: int
) -> Iterator["list[subprocess.Popen[bytes]]"]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FERRYMAN_")}
    environment |= {
        "FERRYMAN_DATA_DIR": str(folder),
        "FERRYMAN_DATABASE_URL": url,
        "FERRYMAN_FUNCTION_CONCURRENCY": str(places),
    }
    command = [sys.executable, "-m", "ferryman", "worker"]
    with (folder / "worker.log").open("ab") as log:
        processes = [
            subprocess.Popen(command, env=environment, stderr=log, stdout=log)
            for _ in range(workers)
        ]
    try:
        yield processes
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait(timeout=60)
