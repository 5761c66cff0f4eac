"""Deliveries a second: a backlog of events for a remote, worked off by one ``ferryman worker``.

Ours records every attempt and its outcome. Against a bare loop that posts the same bodies with
aiohttp, which is the ceiling, and against the same job done with procrastinate and aiohttp.
Each has the same PostgreSQL server, the same remote and as many posts in flight: 400, what a
worker has by default. The time is measured at the remote, from the first post to the last, so the
start of a worker or a queue does not count.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import asyncpg
import procrastinate

from bench.report import Figure
from ferryman.config import Settings
from ferryman.domain.limits import MAX_ATTEMPTS
from ferryman.ids import new_id
from ferryman.server.build import Built, build
from ferryman.services import app as app_service
from ferryman.services import migration as migration_service
from ferryman.services.changes import message_id_of
from ferryman.store import message as message_store
from ferryman.store import transfer as transfer_store
from ferryman.store.database import Transaction
from ferryman.store.embedded import EmbeddedPostgres
from ferryman.store.transfer import StoredTransfer
from ferryman.vocab import AppKind, EventType
from ferryman.wire.app import AppRegistration
from ferryman.wire.message import ForgeEvent
from ferryman.wire.migration import MigrationRequest

MESSAGES = int(os.environ.get("FERRYMAN_BENCH_MESSAGES", "10000"))
APPS = 20
IN_FLIGHT = int(Settings.model_fields["delivery_concurrency"].default)
_PATIENCE = 600.0


def run() -> list[Figure]:
    """Messages a second, each way."""
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        postgres = EmbeddedPostgres(folder)
        url = postgres.start()
        try:
            ours = asyncio.run(_ours(folder, url))
            queue = asyncio.run(_procrastinate(url))
            raw = asyncio.run(_raw())
        finally:
            postgres.stop()
    common: dict[str, Any] = {"unit": "messages/s", "ours": ours, "less_is_better": False}
    return [
        Figure(
            figure="deliveries/s vs raw post loop", peer=raw, peer_name="aiohttp loop", **common
        ),
        Figure(
            figure="deliveries/s vs procrastinate",
            peer=queue,
            peer_name="procrastinate + aiohttp",
            **common,
        ),
    ]


@dataclass(frozen=True, slots=True)
class Receiver:
    """The remote, in a process of its own."""

    url: str

    def count(self) -> int:
        """Return how many posts it has received."""
        with urllib.request.urlopen(f"{self.url}/count") as answer:  # noqa: S310 - loopback
            return int(answer.read())

    def seen(self) -> list[tuple[float, str]]:
        """Time of arrival and message id, in order."""
        with urllib.request.urlopen(f"{self.url}/seen") as answer:  # noqa: S310 - loopback
            return [(at, message_id) for at, message_id in json.load(answer)]

    async def rate(self, wanted: int) -> float:
        """Posts a second, from the first to the last of ``wanted``."""
        until = time.monotonic() + _PATIENCE
        while await asyncio.to_thread(self.count) < wanted:
            if time.monotonic() > until:
                raise SystemExit(f"only {self.count()} of {wanted} messages arrived")
            await asyncio.sleep(0.2)
        times = [at for at, _ in self.seen()]
        return len(times) / (times[-1] - times[0])


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run the remote."""
    with _process("bench._receiver", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield Receiver(f"http://127.0.0.1:{int(process.stdout.readline())}")


@contextmanager
def working(folder: Path, url: str) -> Iterator[None]:
    """Run one worker."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FERRYMAN_")}
    environment |= {
        "FERRYMAN_DATA_DIR": str(folder),
        "FERRYMAN_DATABASE_URL": url,
        "FERRYMAN_PRIVATE_ADDRESSES": "allow",  # the remote is on this machine
        "FERRYMAN_DELIVERY_CONCURRENCY": str(IN_FLIGHT),
    }
    with (
        (folder / "worker.log").open("ab") as log,
        _process("ferryman", "worker", env=environment, stderr=log, stdout=log),
    ):
        yield


@contextmanager
def _process(*arguments: str, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-m", *arguments], **options)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        if process.stdout is not None:
            process.stdout.close()


async def _ours(folder: Path, url: str) -> float:
    settings = Settings(data_dir=folder)
    async with build(settings, url) as built:
        with receiving() as receiver:
            await add_pending(built, await begin(built, receiver.url), MESSAGES)
            with working(folder, url):
                return await receiver.rate(MESSAGES)


async def begin(built: Built, remote: str, count: int = APPS) -> list[tuple[UUID, UUID]]:
    """Register apps and make a transfer of each: (app, transfer) ids."""
    return [await begin_one(built, remote, str(number)) for number in range(count)]


async def begin_one(built: Built, remote: str, name: str) -> tuple[UUID, UUID]:
    """Register one app and make a transfer of it."""
    registration = AppRegistration(
        kind=AppKind.FORGE,
        server_app_key=f"bench.server.{name}",
        cloud_app_key=f"bench.cloud.{name}",
        window_seconds=86_400,
        manifest=manifest_of(remote),
    )
    return await transfer_of(built, registration)


async def transfer_of(built: Built, registration: AppRegistration) -> tuple[UUID, UUID]:
    """Register an app and make a transfer of it: (app, transfer) ids."""
    credentials = await app_service.register(built.platform, registration)
    request = MigrationRequest(
        name="benchmark",
        cloud_url="https://bench.example",
        source_id="bench",
        apps=[registration.cloud_app_key],
        containers=[],
    )
    view = await migration_service.create(built.platform, request)
    return UUID(credentials.app_id), UUID(view.transfers[0].transfer_id)


async def add_pending(built: Built, begun: list[tuple[UUID, UUID]], count: int) -> None:
    """Create ``count`` events of app data, shared equally among the apps."""
    for _app_id, transfer_id in begun:
        async with built.platform.database.transaction() as tx:
            stored = await transfer_store.by_id(tx, transfer_id)
            assert stored is not None
            for _ in range(count // len(begun)):
                await add_one_pending(tx, stored)


async def add_one_pending(tx: Transaction, stored: StoredTransfer) -> str:
    """Owe an app one event; the id of the message."""
    key = str(new_id())
    event = ForgeEvent(
        event_type=EventType.UPLOADED,
        transfer_id=str(stored.transfer_id),
        migration_details=stored.details,
        message_id=str(message_id_of(stored.transfer_id, EventType.UPLOADED, {"key": key})),
        server_app_version="1.0",
        key=key,
        label="records",
    )
    await message_store.insert(tx, stored, event.event_type, [event], MAX_ATTEMPTS)
    return event.message_id


def manifest_of(remote: str) -> dict[str, Any]:
    """Return the manifest of an app that has its events sent to a remote."""
    return {
        "app": {"id": "ari:cloud:ecosystem::app/5f0c8b2e-6f0a-4b3e-9d0c-1b2a3c4d5e6f"},
        "remotes": [{"key": "remote", "baseUrl": remote, "operations": ["compute"]}],
        "modules": {
            "endpoint": [
                {
                    "key": "endpoint",
                    "remote": "remote",
                    "route": {"path": "/events"},
                    "auth": {"appSystemToken": {"enabled": True}},
                }
            ],
            "trigger": [
                {"key": "trigger", "endpoint": "endpoint", "events": [EventType.UPLOADED.value]}
            ],
        },
    }


def _payload() -> dict[str, Any]:
    return {
        "eventType": EventType.UPLOADED.value,
        "transferId": str(new_id()),
        "migrationDetails": {
            "migrationId": str(new_id()),
            "migrationScopeId": str(new_id()),
            "createdAt": 1723111376499,
            "cloudUrl": "https://bench.example",
            "name": "benchmark",
        },
        "key": str(new_id()),
        "label": "records",
        "serverAppVersion": "1.0",
        "messageId": str(new_id()),
    }


@asynccontextmanager
async def _session() -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(limit=IN_FLIGHT)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


async def _post(session: aiohttp.ClientSession, url: str, payload: dict[str, Any]) -> None:
    async with session.post(url, json=payload) as response:
        assert response.status == 200
        await response.read()


async def _raw() -> float:
    with receiving() as receiver:
        todo = iter([_payload() for _ in range(MESSAGES)])
        async with _session() as session:

            async def post_all() -> None:
                for payload in todo:
                    await _post(session, receiver.url, payload)

            await asyncio.gather(*(post_all() for _ in range(IN_FLIGHT)))
        return await receiver.rate(MESSAGES)


async def _procrastinate(url: str) -> float:
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE DATABASE procrastinate")
    await connection.close()
    address = url.replace("/postgres?", "/procrastinate?")
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=address))
    with receiving() as receiver:
        async with app.open_async(), _session() as session:
            await app.schema_manager.apply_schema_async()

            @app.task(name="post", retry=5)
            async def post(payload: dict[str, Any]) -> None:
                await _post(session, receiver.url, payload)

            jobs: list[dict[str, Any]] = [{"payload": _payload()} for _ in range(MESSAGES)]
            await post.batch_defer_async(*jobs)
            await app.run_worker_async(wait=False, concurrency=IN_FLIGHT)
        return await receiver.rate(MESSAGES)
