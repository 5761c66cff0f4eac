"""Deliveries a second to functions that fetch a file and acknowledge it, against an earlier build.

Fifty apps have a backlog each, worked off by one worker with four places beside the API, as
``ferryman serve`` has them. The sides take turns on the same PostgreSQL server. Timed is what the
database sees, from the first event that is done to the last. ROUNDS=1 and EACH=10 make it shorter.
"""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg

from bench._bootstrap import interval
from bench._build import CURRENT, ROOT, Build, build
from bench._platform import Platform, serving
from bench.old_age import postgres
from bench.report import Figure

BEFORE = "8223a08"
APPS = 50
EACH = int(os.environ.get("EACH", "20"))
ROUNDS = int(os.environ.get("ROUNDS", "5"))
_PATIENCE = 900.0
_FUNCTION = """\
from ferryman import Migration

def run(event, context):
    if event["eventType"].endswith("uploaded:app_data"):
        with Migration() as migration:
            with migration.get_app_data_payload(event["key"]) as payload:
                payload.read()
            migration.message_processed(event["transferId"], event["messageId"])
"""
_WAITING = "SELECT count(*) FROM message WHERE state = 'PENDING'"


def run() -> list[Figure]:
    """Messages a second of both builds."""
    builds = {"before": build(BEFORE), "ours": CURRENT}
    rates: dict[str, list[float]] = {name: [] for name in builds}
    with postgres() as (folder, url):
        places = {name: folder / name for name in builds}
        urls = asyncio.run(_databases(url, list(builds)))
        tokens: dict[str, list[tuple[str, str]]] = {}
        for number in range(ROUNDS):
            for name, side in builds.items():
                options: dict[str, Any] = {"database_url": urls[name], "function_concurrency": 4}
                places[name].mkdir(exist_ok=True, mode=0o755)
                data = places[name] / "data"
                with serving(data, "--workers", "0", build=side, **options) as platform:
                    if number == 0:
                        tokens[name] = [_begin(platform, places[name], n) for n in range(APPS)]
                    _fill(side, platform, tokens[name])
                with serving(data, "--workers", "1", build=side, **options):
                    rates[name].append(asyncio.run(_worked_off(urls[name])))
                print(f"{name}: {rates[name][-1]:.1f} messages/s", file=sys.stderr, flush=True)
    return [
        Figure(
            figure=f"deliveries/s to {APPS} functions that fetch and acknowledge, 4 places",
            unit="messages/s",
            ours=median(rates["ours"]),
            peer=median(rates["before"]),
            peer_name=f"build {BEFORE}, no sandbox",
            less_is_better=False,
            interval=interval(rates["before"], rates["ours"]),
            target=1.5,
        )
    ]


async def _databases(url: str, names: list[str]) -> dict[str, str]:
    """Create a database for each side, and return their addresses."""
    made = {}
    connection = await asyncpg.connect(url)
    try:
        for name in names:
            await connection.execute(f"CREATE DATABASE bench_{name}")
            base, _, query = url.partition("?")
            address = f"{base.rpartition('/')[0]}/bench_{name}"
            made[name] = f"{address}?{query}" if query else address
    finally:
        await connection.close()
    return made


def _begin(platform: Platform, folder: Path, number: int) -> tuple[str, str]:
    """Register one app with a function and start a transfer of it: its server token and id."""
    source = folder / f"app-{number}"
    source.mkdir(mode=0o755)
    (source / "index.py").write_text(_FUNCTION)
    events = ["avi:ecosystem.migration:uploaded:app_data"]
    app = platform.call(
        "POST",
        "/admin/v1/apps",
        {
            "kind": "forge",
            "serverAppKey": f"bench.server.{number}",
            "cloudAppKey": f"bench.cloud.{number}",
            "windowSeconds": 86_400,
            "source": str(source),
            "manifest": {
                "app": {"id": "ari:cloud:ecosystem::app/5f0c8b2e-6f0a-4b3e-9d0c-1b2a3c4d5e6f"},
                "modules": {
                    "function": [{"key": "run", "handler": "index.run"}],
                    "trigger": [{"key": "trigger", "function": "run", "events": events}],
                },
            },
        },
    )
    migration = platform.call(
        "POST",
        "/admin/v1/migrations",
        {
            "name": "benchmark",
            "cloudUrl": "https://bench.example",
            "sourceId": "bench",
            "apps": [f"bench.cloud.{number}"],
            "containers": [],
        },
    )
    platform.call("POST", f"/admin/v1/migrations/{migration['migrationId']}/start")
    return app["serverToken"], migration["transfers"][0]["transferId"]


def _fill(side: Build, platform: Platform, tokens: list[tuple[str, str]]) -> None:
    command = [side.python, "-P", str(ROOT / "bench" / "_fill.py"), platform.url, str(EACH)]
    lines = "".join(f"{token} {transfer}\n" for token, transfer in tokens)
    subprocess.run(command, input=lines.encode(), check=True, stdout=subprocess.DEVNULL)


async def _worked_off(url: str) -> float:
    """Wait until no message is due; return how many were done in a second."""
    connection = await asyncpg.connect(url)
    until = time.monotonic() + _PATIENCE
    began, first = 0.0, 0
    try:
        left = await connection.fetchval(_WAITING)
        while left:
            if time.monotonic() > until:
                raise SystemExit(f"{left} messages are not delivered")
            await asyncio.sleep(0.1)
            before, left = left, await connection.fetchval(_WAITING)
            if before > left and not began:
                began, first = time.monotonic(), left
    finally:
        await connection.close()
    return float(first / (time.monotonic() - began))


if __name__ == "__main__":
    run()
