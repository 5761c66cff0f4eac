"""Twenty apps beside a hostile one: from commit to first attempt, with it and without, in turns.

The hostile app's function fills, forks, stalls, floods and kills what it can, and its tokens fill
the store, flood the API and leave connections silent (``_hostile_function``, ``_hostile``). While
the twenty are measured alone it is suspended, and its client is ended. Each of the twenty gets
files at a steady pace; its function reads and verifies each before it acknowledges it, so a
transfer that ends as SUCCESS lost nothing. HOSTILE_SECONDS is how long the hostile app acts in all,
ROUNDS in how many turns.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
import asyncpg

from bench._bootstrap import interval
from bench._healthy import APPS, PATIENCE, RATE, App, Load, register
from bench._platform import Platform, address_of, serving
from bench.report import Figure

SECONDS = float(os.environ.get("HOSTILE_SECONDS", "600"))
ROUNDS = int(os.environ.get("ROUNDS", "10"))

_FUNCTION_SECONDS = 10
_QUIET_SECONDS = _FUNCTION_SECONDS + 5
_SETTINGS: dict[str, Any] = {
    "app_bytes": 1 << 30,
    "rate_per_second": 100,
    "rate_burst": 500,
    "function_seconds": _FUNCTION_SECONDS,
}
"""What an operator of a shared platform sets; the time-out is short to keep turns apart."""

_HEALTHY = """\
from hashlib import sha256
from ferryman import Migration

def run(event, context):
    with Migration() as migration, migration.get_app_data_payload(event["key"]) as payload:
        found = sha256(payload.read()).hexdigest()
        if found != event["label"].partition(" ")[2]:
            raise ValueError("another file")
        migration.message_processed(event["transferId"], event["messageId"])
"""
_FIRST_ATTEMPTS = """
SELECT extract(epoch FROM attempt.started_at
           - pg_xact_commit_timestamp(app_data.xmin)) * 1000 AS ms,
       message.message_id, message.created_at
FROM message JOIN app_data USING (message_id)
LEFT JOIN attempt ON attempt.message_id = message.message_id AND number = 1
WHERE message.transfer_id = ANY($1) AND message.created_at BETWEEN $2 AND $3
"""
"""A file's row is never updated, so the transaction that wrote it is the one of its event."""
_WORSE = 1.1


@dataclass(slots=True)
class Result:
    """What came of all rounds: p99 in milliseconds of each turn, and what went wrong."""

    alone: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    @property
    def shown_worse(self) -> bool:
        """Whether the rounds show that the p99 beside the hostile app is more than 10 % worse."""
        return interval(self.beside, self.alone)[1] < 1 / _WORSE


def run() -> list[Figure]:
    """The p99 of both, and its paired ratio."""
    result = compare(SECONDS, ROUNDS)
    if result.lost or result.refused:
        raise SystemExit("\n".join([*result.lost, *result.refused[:20]]))
    return [
        Figure(
            figure=f"commit to first attempt p99, {APPS} apps beside a hostile one",
            unit="ms",
            ours=median(result.beside),
            peer=median(result.alone),
            peer_name="the same without it",
            interval=interval(result.beside, result.alone),
            target=1 / _WORSE,
        )
    ]


def compare(seconds: float, rounds: int) -> Result:
    """Run all rounds, in which the hostile app acts for so many seconds in all."""
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # functions have a user of their own
        with serving(folder / "data", **_SETTINGS) as platform:
            asyncio.run(_keep_commit_times(address_of(platform)))
        with serving(folder / "data", **_SETTINGS) as platform:
            url = address_of(platform)
            return asyncio.run(_rounds(folder, url, platform, seconds / rounds, rounds))


async def _keep_commit_times(url: str) -> None:
    """Let the database note when transactions commit, from its next start on."""
    connection: Any = await asyncpg.connect(url)
    try:
        await connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")
    finally:
        await connection.close()


async def _rounds(
    folder: Path, url: str, platform: Platform, seconds: float, rounds: int
) -> Result:
    apps = [register(platform, folder, f"healthy-{number}", _HEALTHY) for number in range(APPS)]
    source = Path(__file__).with_name("_hostile_function.py").read_text()
    hostile = register(platform, folder, "hostile", source)
    result = Result()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        load = Load(session, platform.url, apps, result.refused)
        await load.send(APPS / RATE)  # hosts start cold
        for _ in range(rounds):
            _admin(platform, "suspend")
            await asyncio.sleep(_QUIET_SECONDS)
            result.alone.append(await _turn(url, load, seconds))
            _admin(platform, "resume")
            with _acting(platform, hostile):
                result.beside.append(await _turn(url, load, seconds))
            print(
                f"p99 alone {result.alone[-1]:.1f} ms, beside {result.beside[-1]:.1f} ms",
                file=sys.stderr,
                flush=True,
            )
        _admin(platform, "suspend")
        for app in apps:
            result.lost += await load.finish(app, platform)
    return result


def _admin(platform: Platform, what: str) -> None:
    platform.call("POST", f"/admin/v1/apps/hostile/{what}")


async def _turn(url: str, load: "Load", seconds: float) -> float:
    """The p99 in milliseconds of what was committed in this turn."""
    since = datetime.now(UTC)
    await load.send(seconds)
    until = datetime.now(UTC)
    connection: Any = await asyncpg.connect(url)
    try:
        ids = [app.transfer_id for app in load.apps]
        patience = time.monotonic() + PATIENCE
        while time.monotonic() < patience:
            rows = await connection.fetch(_FIRST_ATTEMPTS, ids, since, until)
            waits = [row["ms"] for row in rows]
            if None not in waits:
                for row in sorted(rows, key=lambda row: -row["ms"])[:3]:
                    print(
                        f"{row['message_id']} of {row['created_at']:%H:%M:%S} waited "
                        f"{row['ms']:.0f} ms",
                        file=sys.stderr,
                    )
                return float(sorted(waits)[len(waits) * 99 // 100])
            await asyncio.sleep(1)
    finally:
        await connection.close()
    raise SystemExit(f"{waits.count(None)} messages had no attempt after {PATIENCE:.0f} seconds")


@contextmanager
def _acting(platform: Platform, hostile: App) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-m", "bench._hostile"], stdin=subprocess.PIPE)
    assert process.stdin is not None
    facts = {
        "url": platform.url,
        "transfer": hostile.transfer_id,
        "server": hostile.server,
        "cloud": hostile.cloud,
    }
    process.stdin.write(json.dumps(facts).encode() + b"\n")
    process.stdin.flush()
    try:
        yield
        if process.poll() is not None:
            raise SystemExit("the hostile client ended by itself")
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
