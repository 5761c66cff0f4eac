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
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
import asyncpg

from bench._bootstrap import interval
from bench._platform import Platform, serving
from bench.old_age import postgres
from bench.report import Figure

APPS = 20
RATE = float(os.environ.get("HOSTILE_RATE", "10"))
"""Files a second, of the twenty together."""

SECONDS = float(os.environ.get("HOSTILE_SECONDS", "600"))
ROUNDS = int(os.environ.get("ROUNDS", "10"))

_FUNCTION_SECONDS = 10
_QUIET_SECONDS = _FUNCTION_SECONDS + 5
_PATIENCE = 300.0
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
SELECT extract(epoch FROM attempt.started_at - message.created_at) * 1000 AS ms,
       message.message_id, message.created_at
FROM message LEFT JOIN attempt ON attempt.message_id = message.message_id AND number = 1
WHERE transfer_id = ANY($1) AND message.created_at BETWEEN $2 AND $3
"""
_WORSE = 1.1


@dataclass(slots=True)
class App:
    """A registered app with one running transfer."""

    key: str
    transfer_id: str
    server: str
    cloud: str
    sent: int = 0


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
        )
    ]


def compare(seconds: float, rounds: int) -> Result:
    """Run all rounds, in which the hostile app acts for so many seconds in all."""
    with postgres() as (folder, url):
        data = folder / "data"
        with serving(data, "--database-url", url, **_SETTINGS) as platform:
            return asyncio.run(_rounds(folder, url, platform, seconds / rounds, rounds))


async def _rounds(
    folder: Path, url: str, platform: Platform, seconds: float, rounds: int
) -> Result:
    apps = [_app(platform, folder, f"healthy-{number}", _HEALTHY) for number in range(APPS)]
    source = Path(__file__).with_name("_hostile_function.py").read_text()
    hostile = _app(platform, folder, "hostile", source)
    result = Result()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        load = Load(session, platform.url, apps, result)
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
        patience = time.monotonic() + _PATIENCE
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
    raise SystemExit(f"{waits.count(None)} messages had no attempt after {_PATIENCE:.0f} seconds")


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


class Load:
    """Files for the healthy apps, at a steady pace."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, apps: list[App], result: Result
    ) -> None:
        self.apps = apps
        self._session, self._url, self._result = session, url, result
        self._number = 0

    async def send(self, seconds: float) -> None:
        """Send for so long, whether or not the files before are through."""
        begun = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(int(seconds * RATE)):
                await asyncio.sleep(max(0.0, begun + number / RATE - time.monotonic()))
                self._number += 1
                group.create_task(self._file(self.apps[self._number % APPS], self._number))

    async def finish(self, app: App, platform: Platform) -> list[str]:
        """Complete the export, and return what is missing."""
        await self._call(app, "POST", f"/server/v1/transfers/{app.transfer_id}/complete-export")
        until = time.monotonic() + _PATIENCE
        running = True
        while running and time.monotonic() < until:
            view = platform.call("GET", f"/admin/v1/transfers/{app.transfer_id}")
            if running := view["status"] == "IN_PROGRESS":
                await asyncio.sleep(1)
        if view["status"] == "SUCCESS" and view["files"] == app.sent:
            return []
        return [f"{app.key}: {view['status']}, {view['files']} of {app.sent} files"]

    async def _file(self, app: App, number: int) -> None:
        data = b"%d\n" % number * 500
        part = {"number": 1, "size": len(data), "sha256": sha256(data).hexdigest()}
        body = {"label": f"{number} {part['sha256']}", "part": part}
        begun = await self._call(
            app, "POST", f"/server/v1/transfers/{app.transfer_id}/app-data", body
        )
        target = begun["part"]
        async with self._session.put(target["url"], data=data, headers=target["headers"]) as answer:
            if answer.status != 200:
                self._result.refused.append(f"PUT: {answer.status} {await answer.text()}")
        done = {"parts": [{**part, "etag": part["sha256"]}]}
        await self._call(app, "POST", f"/server/v1/uploads/{begun['uploadId']}/complete", done)
        app.sent += 1

    async def _call(self, app: App, method: str, path: str, body: object = None) -> Any:
        headers = {"Authorization": f"Bearer {app.server}"}
        async with self._session.request(
            method, self._url + path, json=body, headers=headers
        ) as answer:
            if answer.status != 200:
                self._result.refused.append(f"{path}: {answer.status} {await answer.text()}")
                raise RuntimeError(self._result.refused[-1])
            return json.loads(await answer.read() or b"null")


def _app(platform: Platform, folder: Path, key: str, code: str) -> App:
    """Register an app with this function, and start a transfer of it."""
    source = folder / key
    source.mkdir(mode=0o755)
    (source / "index.py").write_text(code)
    event = "avi:ecosystem.migration:uploaded:app_data"
    manifest = {
        "app": {"id": "ari:cloud:ecosystem::app/5f0c8b2e-6f0a-4b3e-9d0c-1b2a3c4d5e6f"},
        "modules": {
            "function": [{"key": "run", "handler": "index.run"}],
            "trigger": [{"key": "trigger", "function": "run", "events": [event]}],
        },
    }
    registered = platform.call(
        "POST",
        "/admin/v1/apps",
        {
            "kind": "forge",
            "serverAppKey": f"server-{key}",
            "cloudAppKey": key,
            "windowSeconds": 86_400,
            "manifest": manifest,
            "source": str(source),
        },
    )
    migration = platform.call(
        "POST",
        "/admin/v1/migrations",
        {
            "name": key,
            "cloudUrl": "https://bench.example",
            "sourceId": key,
            "apps": [key],
            "containers": [],
        },
    )
    platform.call("POST", f"/admin/v1/migrations/{migration['migrationId']}/start")
    return App(
        key,
        migration["transfers"][0]["transferId"],
        registered["serverToken"],
        registered["cloudToken"],
    )
