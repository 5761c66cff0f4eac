"""A backlog of events: apps that have transfers, their remote, and a worker that delivers."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from ferryman.config import Settings
from ferryman.domain.limits import MAX_ATTEMPTS
from ferryman.ids import new_id
from ferryman.server.build import Built
from ferryman.services import app as app_service
from ferryman.services import migration as migration_service
from ferryman.services.changes import message_id_of
from ferryman.store import message as message_store
from ferryman.store import transfer as transfer_store
from ferryman.store.database import Transaction
from ferryman.store.transfer import StoredTransfer
from ferryman.vocab import AppKind, EventType
from ferryman.wire.app import AppRegistration
from ferryman.wire.message import ForgeEvent
from ferryman.wire.migration import MigrationRequest

APPS = 20
IN_FLIGHT = int(Settings.model_fields["delivery_concurrency"].default)
_PATIENCE = 600.0


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
    facts = [{"messageId": event.message_id, "eventType": event.event_type.value}]
    await message_store.insert(tx, stored, event.event_type, [event], facts, MAX_ATTEMPTS)
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
