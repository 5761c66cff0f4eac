"""Deliveries a second with fifty consoles open, against none, in interleaved rounds.

One platform with one worker delivers to a remote; the consoles follow the stream and load their
pages again, as often as a browser would. Some show lists, some the transfers that are delivered.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg

from bench._backlog import manifest_of, receiving
from bench._bootstrap import interval
from bench._cpu import cpu_of
from bench._platform import Platform, address_of, serving
from bench.report import Figure

CONSOLES = int(os.environ.get("FERRYMAN_BENCH_CONSOLES", "50"))
MESSAGES = int(os.environ.get("FERRYMAN_BENCH_MESSAGES", "5000"))
ROUNDS = int(os.environ.get("FERRYMAN_BENCH_ROUNDS", "10"))
APPS = 5
_PATIENCE = 300.0

_ADD = """
WITH made AS (
    SELECT gen_random_uuid() AS message_id, transfer_id, app_id, migration_id,
        migration_scope_id, name
    FROM transfer JOIN migration USING (migration_id), generate_series(1, $1) n)
INSERT INTO message (message_id, transfer_id, app_id, event_type, payload, created_at, state,
    next_attempt_at)
SELECT message_id, transfer_id, app_id, event, jsonb_build_object('eventType', event,
    'transferId', transfer_id, 'messageId', message_id, 'key', message_id, 'label', 'records',
        'serverAppVersion', '1.0', 'migrationDetails', jsonb_build_object(
            'migrationId', migration_id, 'migrationScopeId', migration_scope_id,
            'createdAt', 1723111376499, 'cloudUrl', 'https://bench.example', 'name', name)),
    now(), 'PENDING', now()
FROM made, (VALUES ('avi:ecosystem.migration:uploaded:app_data')) AS of_file (event)
"""
_LEFT = """
SELECT EXISTS (SELECT FROM message WHERE worker_id IS NOT NULL)
    OR EXISTS (SELECT FROM message WHERE state = 'PENDING' AND worker_id IS NULL)
"""
"""Asked often, so by indexes: to count them all would cost more than the pages."""


def run() -> list[Figure]:
    """Messages a second of both, and the processor time of the platform for each message."""
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        options = ("--workers", "1")
        with (
            receiving() as receiver,
            serving(folder / "data", *options, private_addresses="allow") as platform,
        ):
            pages = ["", "migrations", "messages?state=any", *_transfers(platform, receiver.url)]
            alone: list[float] = []
            watched: list[float] = []
            for number in range(ROUNDS + 1):
                rates = [_round(platform), _watched_round(platform, pages)]
                print(f"{rates[0]:.0f} alone, {rates[1]:.0f} watched", file=sys.stderr)
                if number:  # the first warms up
                    alone.append(rates[0])
                    watched.append(rates[1])
    return [
        Figure(
            figure=f"deliveries/s beside {CONSOLES} open consoles",
            unit="messages/s",
            ours=median(watched),
            peer=median(alone),
            peer_name="none open",
            less_is_better=False,
            interval=interval([1 / each for each in watched], [1 / each for each in alone]),
            target=0.95,
        )
    ]


def _transfers(platform: Platform, remote: str) -> list[str]:
    """Register apps and make a transfer of each; return their pages."""
    pages = []
    for number in range(APPS):
        key = f"bench.cloud.{number}"
        app = {"kind": "forge", "serverAppKey": "bench.server", "cloudAppKey": key}
        manifest = manifest_of(remote)
        platform.call(
            "POST", "/admin/v1/apps", app | {"windowSeconds": 86_400, "manifest": manifest}
        )
        plan: dict[str, Any] = {"name": f"Wave {number}", "apps": [key], "containers": []}
        plan |= {"cloudUrl": "https://bench.example", "sourceId": "bench"}
        view = platform.call("POST", "/admin/v1/migrations", plan)
        pages.append(f"transfers/{view['transfers'][0]['transferId']}")
    return pages


def _watched_round(platform: Platform, pages: list[str]) -> float:
    with _consoles(platform, pages):
        return _round(platform)


def _round(platform: Platform) -> float:
    """Messages a second until none is left."""
    return asyncio.run(_deliver(address_of(platform)))


async def _deliver(address: str) -> float:
    connection: Any = await asyncpg.connect(address)
    try:
        await connection.execute("SET enable_seqscan = off")
        began = time.monotonic()
        await connection.execute(_ADD, MESSAGES // APPS, timeout=120)
        while await connection.fetchval(_LEFT):
            if time.monotonic() > began + _PATIENCE:
                raise SystemExit("some messages are not delivered")
            await asyncio.sleep(0.05)
        return MESSAGES / (time.monotonic() - began)
    finally:
        await connection.close()


@contextmanager
def _consoles(platform: Platform, pages: list[str]) -> Iterator[None]:
    token = (platform.data_dir / "operator-token").read_text().strip()
    command = [sys.executable, "-m", "bench._consoles", platform.url, str(CONSOLES), *pages]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{token}\n")
        process.stdin.flush()
        if process.stdout.readline() != "open\n":
            raise SystemExit("the consoles did not open, see above")
        before = cpu_of(process.pid)
        yield
        spent = cpu_of(process.pid) - before
        process.stdin.write("end\n")
        process.stdin.flush()
        refreshed = process.stdout.readline().strip()
        print(f"{refreshed} pages, {spent:.1f} s of the processor for them", file=sys.stderr)
