"""The real services over a real database, without the processes around them."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from itertools import count, cycle
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import msgspec

from ferryman.config import Settings
from ferryman.domain.limits import ACKNOWLEDGEMENT_WINDOW
from ferryman.domain.outcome import Outcome
from ferryman.domain.transfer import Transfer
from ferryman.objects.local import LocalStore
from ferryman.server.build import build
from ferryman.services import app as app_service
from ferryman.services import attempt as attempts
from ferryman.services import delivery as deliveries
from ferryman.services import export, listener, message, migration, transfer, upload
from ferryman.services import worker as workers
from ferryman.services.attempt import Result
from ferryman.services.delivery import Delivery
from ferryman.services.known_apps import KnownApps
from ferryman.services.part import sign_parts
from ferryman.services.platform import Platform
from ferryman.store import clock
from ferryman.store import transfer as transfers
from ferryman.store.app import App
from ferryman.store.delivery import Lane
from ferryman.store.queue import WAKE, WakeJob
from ferryman.vocab import AckStatus, AppKind, Audience, EventType
from ferryman.wire.app import AppRegistration
from ferryman.wire.listener import ClaimedTransfer, ClaimRequest
from ferryman.wire.message import MessageStatus
from ferryman.wire.migration import MigrationRequest
from ferryman.wire.upload import AppDataReceipt, CompleteRequest, PartRequest, StoredPart
from tests.support import CLOUD_APP, manifest

BACK_OFF = timedelta(minutes=1)
SILENCE = timedelta(seconds=10)
"""After which a worker's messages are taken over."""

_numbers = count(1)


@dataclass(frozen=True)
class Worker:
    """What a worker does with the database, one step at a time."""

    platform: Platform
    worker_id: UUID = field(default_factory=uuid4)
    known: KnownApps = field(default_factory=KnownApps)

    async def look(self) -> None:
        """Say that it lives."""
        await workers.look(self.platform, self.worker_id)

    async def take(self, room: int = 1000) -> list[Delivery]:
        """Claim so many of each lane that is due."""
        await self.look()
        rooms = dict.fromkeys(await due_lanes(self.platform), room)
        return await deliveries.claim(self.platform, self.worker_id, self.known, rooms)

    async def take_only(self) -> Delivery:
        """Claim the one message that is due."""
        [delivery] = await self.take()
        return delivery

    async def record(self, outcome: Outcome, *ended: Delivery) -> None:
        """These attempts ended like that, by every way."""
        results = [result(each, outcome) for each in ended]
        await attempts.record(self.platform, results, self.known)

    async def work(self, outcome: Outcome) -> int:
        """Deliver until nothing is due; how many attempts it took."""
        attempts = 0
        while await due_lanes(self.platform):
            taken = await self.take()
            await self.record(outcome, *taken)
            attempts += len(taken)
        return attempts

    async def fall_silent(self) -> None:
        """It said nothing for as long as others wait, and a moment more."""
        async with self.platform.database.transaction() as tx:
            await tx.connection.execute(
                "UPDATE worker SET seen_at = seen_at - $2::interval WHERE worker_id = $1",
                self.worker_id,
                SILENCE + timedelta(seconds=1),
            )


def result(delivery: Delivery, *outcomes: Outcome) -> Result:
    """An attempt that ended, by each of its ways in turn or by all alike."""
    by_route = zip(delivery.routes, cycle(outcomes), strict=False)
    return Result(delivery, tuple(by_route), BACK_OFF)


async def due_lanes(platform: Platform) -> list[Lane]:
    """The lanes in which something is due, seen past the services."""
    async with platform.database.transaction() as tx:
        rows = await tx.connection.fetch(
            "SELECT DISTINCT app_id, event_type FROM message"
            " WHERE state = 'PENDING' AND worker_id IS NULL AND next_attempt_at <= $1",
            tx.now,
        )
    return [Lane(row["app_id"], EventType(row["event_type"])) for row in rows]


@dataclass(frozen=True)
class Stage:
    """A platform with one app; its workers, and the jobs of its timers, are played by hand."""

    platform: Platform
    app: App

    async def begin(self, agent: str = "agent") -> str:
        """A new transfer that was claimed; its id."""
        transfer_id = await self.release()
        claimed = await self.claim(agent)
        assert claimed is not None
        assert claimed.transfer_id == transfer_id
        return transfer_id

    async def release(self) -> str:
        """A new transfer that waits for an agent; its id."""
        view = await migration.create(
            self.platform,
            MigrationRequest(
                name="Harbour moves",
                cloud_url="https://harbour.example",
                source_id="harbour",
                apps=[self.app.cloud_app_key],
            ),
        )
        await migration.start(self.platform, view.migration_id)
        return view.transfers[0].transfer_id

    async def claim(
        self, agent: str | None, running: tuple[str, ...] = ()
    ) -> ClaimedTransfer | None:
        request = ClaimRequest(
            server_app_keys=[self.app.server_app_key], agent_id=agent, running=list(running)
        )
        return await listener.claim(self.platform, self.app, request)

    async def send(self, transfer_id: str, data: bytes = b"harbour") -> tuple[str, StoredPart]:
        """An upload whose one part is in the store, not yet complete."""
        begun = await upload.begin(self.platform, self.app, transfer_id, "label")
        part = PartRequest(number=1, size=len(data), sha256=sha256(data).hexdigest())
        urls = await sign_parts(self.platform, self.app, begun.upload_id, [part])
        parts = urlsplit(urls.parts[0].url)
        store = self.platform.objects
        assert isinstance(store, LocalStore)
        now = await self.platform.database.now()
        with store.receive(store.check("PUT", begun.key, parts.query, now)) as incoming:
            incoming.write(data)
            await incoming.keep()
        return begun.upload_id, StoredPart(
            number=1, etag=part.sha256, size=part.size, sha256=part.sha256
        )

    async def complete(self, upload_id: str, part: StoredPart) -> AppDataReceipt:
        request = CompleteRequest(parts=[part])
        return await upload.complete(self.platform, self.app, upload_id, request)

    async def upload(self, transfer_id: str, data: bytes = b"harbour") -> AppDataReceipt:
        return await self.complete(*await self.send(transfer_id, data))

    async def acknowledge(
        self, transfer_id: str, *message_ids: str, status: AckStatus = AckStatus.SUCCESS
    ) -> None:
        request = MessageStatus(status=status, message_ids=list(message_ids))
        await message.acknowledge(self.platform, self.app, transfer_id, request)

    async def complete_export(self, transfer_id: str) -> None:
        await export.complete(self.platform, self.app, transfer_id)

    async def state(self, transfer_id: str) -> Transfer:
        async with self.platform.database.transaction() as tx:
            stored = await transfers.by_id(tx, UUID(transfer_id))
        assert stored is not None
        return stored.state

    async def fetch(self, query: str, *arguments: object) -> list[Any]:
        """Rows, read past the services."""
        async with self.platform.database.transaction() as tx:
            return list(await tx.connection.fetch(query, *arguments))

    async def pass_time(self, step: timedelta) -> None:
        """Move the clock, without doing what falls due."""
        async with self.platform.database.transaction() as tx:
            await clock.advance(tx, step)

    async def fall_silent(self, transfer_id: str, time: timedelta) -> None:
        """Let real time pass for the client of a claim, which says nothing meanwhile."""
        await self.fetch(
            "UPDATE transfer SET claim_seen_at = claim_seen_at - $2::interval"
            " WHERE transfer_id = $1",
            UUID(transfer_id),
            time,
        )

    async def time_out(self, transfer_id: str) -> None:
        """Let the deadline pass, and its timer fire."""
        await self.pass_time(ACKNOWLEDGEMENT_WINDOW)
        for job_id in await self.wake_jobs(transfer_id, due=True):
            await transfer.wake(self.platform, UUID(transfer_id), job_id)

    async def wake_jobs(self, transfer_id: str, *, due: bool = False) -> list[int]:
        """The queue's timers of a transfer."""
        rows = await self.fetch(
            "SELECT id, payload FROM pgqueuer WHERE entrypoint = $1"
            " AND ($2 OR execute_after <= now()) ORDER BY id",
            WAKE,
            not due,
        )
        return [
            row["id"]
            for row in rows
            if str(msgspec.json.decode(row["payload"], type=WakeJob).transfer_id) == transfer_id
        ]

    def worker(self) -> Worker:
        """A worker that begins."""
        return Worker(self.platform)

    async def take_over(self) -> int:
        """What workers left that fell silent is free; how many messages."""
        return await workers.take_over(self.platform, SILENCE)

    async def states(self) -> Counter[str]:
        """How many messages there are in each state."""
        query = "SELECT state, count(*) FROM message GROUP BY state"
        return Counter({row["state"]: row["count"] for row in await self.fetch(query)})

    async def finish_job(self, job_id: int) -> None:
        """What the queue does when a handler has returned."""
        async with self.platform.database.transaction() as tx:
            await tx.connection.execute("DELETE FROM pgqueuer WHERE id = $1", job_id)


@asynccontextmanager
async def staged(database_url: str, folder: Path, *, pool: int = 10) -> AsyncIterator[Stage]:
    """A stage over that database, its files under ``folder``."""
    source = folder / "cloud-app"
    source.mkdir(parents=True, exist_ok=True)
    (source / "index.py").write_text(CLOUD_APP)
    chosen: dict[str, Any] = {"data_dir": folder, "clock": "virtual", "database_pool": pool}
    settings = Settings(**chosen)
    async with build(settings, database_url) as built:
        number = next(_numbers)
        registration = AppRegistration(
            kind=AppKind.FORGE,
            server_app_key=f"server-{number}",
            cloud_app_key=f"cloud-{number}",
            manifest=manifest(),
            source=str(source),
        )
        tokens = await app_service.register(built.platform, registration)
        app = await app_service.authenticate(built.platform, tokens.server_token, Audience.SERVER)
        yield Stage(built.platform, app)
