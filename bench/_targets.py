"""Servers to send requests to: a platform of some build, and minimal handlers."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from bench import _peer
from bench._build import CURRENT, ROOT, Build
from bench._cpu import cpu_of
from bench._platform import Platform, free_port, serving
from ferryman.vocab import EventType

CONNECTIONS = (4, 32)
REQUESTS = int(os.environ.get("FERRYMAN_BENCH_REQUESTS", "2000"))
ROUNDS = int(os.environ.get("ROUNDS", "5"))
TRANSFERS = 20
# The same rows as real uploads leave, without waiting for so many.
ADD_PENDING = """
INSERT INTO message (transfer_id, message_id, app_id, event_type, payload, state, created_at)
SELECT transfer_id, $2, app_id, $3, '{}', 'DELIVERED', now() FROM transfer WHERE transfer_id = $1
"""
FORGE = "/app/migration/forge/v1"
_WARM = 200


@dataclass(frozen=True, slots=True)
class Target:
    """A server, and the requests that it has not had yet; ``pids`` are what works for it."""

    port: int
    reads: Iterator[dict[str, Any]]
    writes: Iterator[dict[str, Any]]
    pids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Load:
    """Requests a second, and per CPU second of the server and PostgreSQL."""

    rate: float
    per_cpu: float


def postmaster(folder: Path) -> int:
    """Return the process of the PostgreSQL server in a folder."""
    return int((folder / "postgres" / "postmaster.pid").read_text().split()[0])


def load(folder: Path, call: str, connections: int, target: Target, size: int) -> Load:
    """Send so many requests that the server has not had."""
    requests = target.reads if call.startswith("GET") else target.writes
    file = folder / "requests"
    with file.open("w", encoding="utf-8") as lines:
        for _ in range(size):
            lines.write(json.dumps(next(requests)) + "\n")
    command = [sys.executable, "-m", "bench._load", str(target.port), str(connections), str(file)]
    before = sum(map(cpu_of, target.pids))
    rate = float(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return Load(rate, size / (sum(map(cpu_of, target.pids)) - before))


def wanted() -> int:
    """Return how many messages are acknowledged in all."""
    return ROUNDS * len(CONNECTIONS) * REQUESTS + 2 * _WARM


@contextmanager
def our_target(
    folder: Path, url: str, postgres: int, *, name: str, side: Build = CURRENT, processes: int = 1
) -> Iterator[Target]:
    """Start a platform of a build, with a database, a file and messages to acknowledge."""
    data_dir = folder / name
    url = asyncio.run(_database(url, name))
    settings = {"rate_per_second": 1e9, "rate_burst": 10**9, "api_processes": processes}
    options = ("--workers", "0", "--database-url", url)
    with serving(data_dir, *options, build=side, **settings) as platform:
        token, begun = begin(platform)
        pending = asyncio.run(add_pending(url, begun))
        fill = [side.python, "-P", str(ROOT / "bench" / "_fill.py"), platform.url, "1"]
        line = f"{token['serverToken']} {begun[0]}\n"
        subprocess.run(fill, input=line.encode(), check=True, stdout=subprocess.DEVNULL)
        [key] = asyncio.run(_keys(url))
        target = requests_of(
            int(platform.url.rpartition(":")[2]),
            FORGE,
            token["cloudToken"],
            str(key),
            pending,
            (platform.pid, postgres),
        )
        warm(folder, target)
        yield target


def begin(platform: Platform) -> tuple[dict[str, str], list[UUID]]:
    """Register an app and start transfers of it: tokens and transfer ids."""
    app = {"kind": "forge", "serverAppKey": "bench.server", "cloudAppKey": "bench.cloud"}
    token = platform.call("POST", "/admin/v1/apps", app)
    begun = []
    for number in range(TRANSFERS):
        plan = {
            "name": "benchmark",
            "cloudUrl": "https://bench.example",
            "sourceId": f"bench {number}",
            "apps": ["bench.cloud"],
        }
        made = platform.call("POST", "/admin/v1/migrations", plan)
        platform.call("POST", f"/admin/v1/migrations/{made['migrationId']}/start")
        begun.append(UUID(made["transfers"][0]["transferId"]))
    return token, begun


async def add_pending(url: str, begun: list[UUID]) -> list[tuple[UUID, UUID]]:
    """Write events of app data that are delivered and not acknowledged: (transfer, message) ids."""
    # One after another, so that few of those in flight wait for the same transfer.
    pending = [(begun[number % TRANSFERS], uuid4()) for number in range(wanted())]
    connection: Any = await asyncpg.connect(url)
    await connection.executemany(ADD_PENDING, [(*pair, EventType.UPLOADED) for pair in pending])
    await connection.execute(
        "UPDATE transfer SET files = (SELECT count(*) FROM message"
        " WHERE message.transfer_id = transfer.transfer_id)"
    )
    await connection.close()
    return pending


async def _keys(url: str) -> list[UUID]:
    connection: Any = await asyncpg.connect(url)
    found = [row["key"] for row in await connection.fetch("SELECT key FROM app_data")]
    await connection.close()
    return found


async def _database(url: str, name: str) -> str:
    """Create a database; return its address."""
    connection: Any = await asyncpg.connect(url)
    await connection.execute(f"CREATE DATABASE bench_{name}")
    await connection.close()
    return url.replace("/postgres?", f"/bench_{name}?")


@contextmanager
def peer_target(url: str, postgres: int) -> Iterator[Target]:
    """Start minimal handlers over tables of their own on the same server."""
    token, key, port = "peer", uuid4(), free_port()
    peer_url, pending = asyncio.run(_fill_peer(url, token, key))
    with subprocess.Popen(
        [sys.executable, "-m", "bench._peer", str(port)], stdin=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdin is not None
            process.stdin.write(peer_url + "\n")
            process.stdin.flush()
            pids = process.pid, postgres
            target = requests_of(port, "", token, str(key), pending, pids)
            _await_answer(port)
            with tempfile.TemporaryDirectory(prefix="ferryman-bench-") as folder:
                warm(Path(folder), target)
            yield target
        finally:
            process.terminate()


async def _fill_peer(url: str, token: str, key: UUID) -> tuple[str, list[tuple[UUID, UUID]]]:
    connection: Any = await asyncpg.connect(url)
    await connection.execute("CREATE SCHEMA peer; SET search_path = peer")
    await connection.execute(_peer.SCHEMA)
    begun = [uuid4() for _ in range(TRANSFERS)]
    pending = [(begun[number % TRANSFERS], uuid4()) for number in range(wanted())]
    digest = sha256(token.encode()).digest()
    await connection.execute("INSERT INTO app VALUES ($1, 1)", digest)
    await connection.executemany(
        "INSERT INTO transfer VALUES ($1, 1, 0)", [(each,) for each in begun]
    )
    await connection.execute("INSERT INTO file VALUES ($1, $2)", key, begun[0])
    await connection.executemany(
        "INSERT INTO message VALUES ($2, $1, 'PENDING')", [list(pair) for pair in pending]
    )
    await connection.execute("CREATE INDEX ON message (state)")
    await connection.close()
    return f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3Dpeer", pending


def requests_of(
    port: int,
    base: str,
    token: str,
    key: str,
    pending: list[tuple[UUID, UUID]],
    pids: tuple[int, ...],
) -> Target:
    """Return the requests for a server: one repeated read, each acknowledgement once."""
    read = {"method": "GET", "path": f"{base}/data/{key}", "token": token}
    writes = (
        {
            "method": "POST",
            "path": f"{base}/message/{transfer_id}/status",
            "token": token,
            "body": {"status": "SUCCESS", "messageIds": [str(message_id)]},
        }
        for transfer_id, message_id in pending
    )
    return Target(port, (read for _ in count()), writes, pids)


def warm(folder: Path, target: Target) -> None:
    """Open the pool's connections and prepare the statements."""
    for call in ("GET data/{key}", "message status"):
        load(folder, call, max(CONNECTIONS), target, _WARM)


def _await_answer(port: int) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/"):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
