"""The real services on a real database, without the processes around them."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count, cycle
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from ferryman.config import Settings
from ferryman.domain.limits import ACKNOWLEDGEMENT_WINDOW
from ferryman.domain.outcome import Outcome
from ferryman.domain.transfer import Transfer
from ferryman.objects.local import LocalStore
from ferryman.server.build import build
from ferryman.services import acknowledgement, attempt, completion, export, intake, listener
from ferryman.services import app as app_service
from ferryman.services import delivery as delivery_service
from ferryman.services import migration as migration_service
from ferryman.services import transfer as transfer_service
from ferryman.services import worker as worker_service
from ferryman.services.app_cache import AppCache
from ferryman.services.attempt import AttemptResult
from ferryman.services.delivery import Delivery
from ferryman.services.open_upload import sign_parts
from ferryman.services.platform import Platform
from ferryman.store import clock as clock_store
from ferryman.store import transfer as transfer_store
from ferryman.store.app import AppRow
from ferryman.store.delivery import Lane
from ferryman.vocab import AckStatus, AppKind, Audience, EventType
from ferryman.wire.app import AppRegistration
from ferryman.wire.listener import ClaimedTransfer, ClaimRequest
from ferryman.wire.message import MessageStatus
from ferryman.wire.migration import MigrationRequest
from ferryman.wire.upload import AppDataReceipt, CompleteRequest, PartRequest, PartUrl, StoredPart
from tests.kit.function_app import CLOUD_APP
from tests.kit.manifests import function_manifest

BACK_OFF = timedelta(minutes=1)
HEARTBEAT_TIMEOUT = timedelta(seconds=10)
"""After which another worker rescues the messages of a silent one."""

_numbers = count(1)


@dataclass(frozen=True)
class ManualWorker:
    """A worker whose steps a test takes one by one, without a loop."""

    platform: Platform
    worker_id: UUID = field(default_factory=uuid4)
    known: AppCache = field(default_factory=AppCache)

    async def heartbeat(self) -> None:
        await worker_service.heartbeat(self.platform, self.worker_id)

    async def claim(self, limit: int = 1000) -> list[Delivery]:
        """Claim at most ``limit`` messages of each lane that is due."""
        await self.heartbeat()
        rooms = dict.fromkeys(await due_lanes(self.platform), limit)
        return await delivery_service.claim(self.platform, self.worker_id, self.known, rooms)

    async def claim_one(self) -> Delivery:
        """Claim the only message that is due."""
        [delivery] = await self.claim()
        return delivery

    async def record(self, outcome: Outcome, *ended: Delivery) -> None:
        """Record ``outcome`` for these attempts, on every route."""
        results = [result(each, outcome) for each in ended]
        await attempt.record(self.platform, results, self.known)

    async def deliver_all(self, outcome: Outcome) -> int:
        """Deliver until nothing is due; return the number of attempts."""
        attempts = 0
        while await due_lanes(self.platform):
            taken = await self.claim()
            await self.record(outcome, *taken)
            attempts += len(taken)
        return attempts

    async def miss_heartbeats(self) -> None:
        """Move its last heartbeat back beyond the timeout."""
        async with self.platform.database.transaction() as tx:
            await tx.connection.execute(
                "UPDATE worker SET seen_at = seen_at - $2::interval WHERE worker_id = $1",
                self.worker_id,
                HEARTBEAT_TIMEOUT + timedelta(seconds=1),
            )


def _silent(seen: Mapping[UUID, datetime]) -> dict[UUID, datetime]:
    """Those that :meth:`ManualWorker.miss_heartbeats` moved back."""
    latest = datetime.now(UTC) - HEARTBEAT_TIMEOUT
    return {worker_id: at for worker_id, at in seen.items() if at < latest}


def result(delivery: Delivery, *outcomes: Outcome) -> AttemptResult:
    """Return an attempt with one outcome for each route, or one for all routes."""
    by_route = zip(delivery.routes, cycle(outcomes), strict=False)
    return AttemptResult(delivery, tuple(by_route), BACK_OFF)


async def due_lanes(platform: Platform) -> list[Lane]:
    """Return the lanes that have a due message, read straight from the database."""
    async with platform.database.transaction() as tx:
        rows = await tx.connection.fetch(
            "SELECT DISTINCT app_id, event_type FROM message"
            " WHERE state = 'PENDING' AND worker_id IS NULL AND next_attempt_at <= $1",
            tx.now,
        )
    return [Lane(row["app_id"], EventType(row["event_type"])) for row in rows]


@dataclass(frozen=True)
class Services:
    """The services of a platform with one Forge app; tests run its workers and timers by hand."""

    platform: Platform
    app: AppRow

    async def start_transfer(self, agent: str = "agent") -> str:
        """Create a transfer and claim it; return its id.

        The agent is offered no transfer that was claimed before, however long ago that was.
        """
        earlier = await self.fetch("SELECT transfer_id FROM transfer WHERE claims > 0")
        transfer_id = await self.create_transfer()
        claimed = await self.claim(agent, tuple(str(row["transfer_id"]) for row in earlier))
        assert claimed is not None
        assert claimed.transfer_id == transfer_id
        return transfer_id

    async def create_transfer(self) -> str:
        """Create a transfer that waits for an agent; return its id."""
        view = await migration_service.create(
            self.platform,
            MigrationRequest(
                name="Harbour moves",
                cloud_url="https://harbour.example",
                source_id="harbour",
                apps=[self.app.cloud_app_key],
            ),
        )
        await migration_service.start(self.platform, view.migration_id)
        return view.transfers[0].transfer_id

    async def plan(
        self, site: str, customer: str = "default", *, modules: Mapping[str, object] | None = None
    ) -> AppRow:
        """Plan a migration to a site, where the app may keep something from then on.

        Return the app as the calls of its functions there make it, with these modules if given.
        """
        await migration_service.create(
            self.platform,
            MigrationRequest(
                name="Moves",
                cloud_url=site,
                source_id=customer,
                apps=[self.app.cloud_app_key],
                customer=customer,
            ),
        )
        app = replace(self.app, site=site)
        return app if modules is None else replace(app, manifest={"modules": modules})

    async def claim(
        self, agent: str | None, running: tuple[str, ...] = ()
    ) -> ClaimedTransfer | None:
        request = ClaimRequest(
            server_app_keys=[self.app.server_app_key], agent_id=agent, running=list(running)
        )
        return await listener.claim(self.platform, self.app, request)

    async def upload_part(
        self, transfer_id: str, data: bytes = b"harbour"
    ) -> tuple[str, StoredPart]:
        """Begin an upload and store its only part, without completing it."""
        begun = await intake.begin(self.platform, self.app, transfer_id, "label")
        part = PartRequest(number=1, size=len(data), sha256=sha256(data).hexdigest())
        urls = await sign_parts(self.platform, self.app, begun.upload_id, [part])
        await self.put(urls.parts[0], data)
        return begun.upload_id, StoredPart(
            number=1, etag=part.sha256, size=part.size, sha256=part.sha256
        )

    async def put(self, url: PartUrl | None, data: bytes) -> None:
        """Send a part to the local store, as the HTTP server receives it."""
        assert url is not None
        address = urlsplit(url.url)
        store = self.platform.objects
        assert isinstance(store, LocalStore)
        now = await self.platform.database.now()
        key = address.path.rpartition("/")[2]
        with store.receive(store.check("PUT", key, address.query, now)) as incoming:
            incoming.write(data)
            await incoming.keep()

    async def complete(self, upload_id: str, part: StoredPart) -> AppDataReceipt:
        request = CompleteRequest(parts=[part])
        return await completion.complete(self.platform, self.app, upload_id, request)

    async def upload(self, transfer_id: str, data: bytes = b"harbour") -> AppDataReceipt:
        return await self.complete(*await self.upload_part(transfer_id, data))

    async def acknowledge(
        self, transfer_id: str, *message_ids: str, status: AckStatus = AckStatus.SUCCESS
    ) -> None:
        request = MessageStatus(status=status, message_ids=list(message_ids))
        await acknowledgement.acknowledge(self.platform, self.app, transfer_id, request)

    async def complete_export(self, transfer_id: str) -> None:
        await export.complete(self.platform, self.app, transfer_id)

    async def state(self, transfer_id: str) -> Transfer:
        async with self.platform.database.transaction() as tx:
            stored = await transfer_store.by_id(tx, UUID(transfer_id))
        assert stored is not None
        return stored.state

    async def fetch(self, query: str, *arguments: object) -> list[Any]:
        """Run a query on the database itself."""
        async with self.platform.database.transaction() as tx:
            return list(await tx.connection.fetch(query, *arguments))

    async def advance(self, step: timedelta) -> None:
        """Move the clock; nothing that falls due runs."""
        async with self.platform.database.transaction() as tx:
            await clock_store.advance(tx, step)

    async def age_claim(self, transfer_id: str, time: timedelta) -> None:
        """Move the last sign of life of a claim's client back by ``time``."""
        await self.fetch(
            "UPDATE transfer SET claim_seen_at = claim_seen_at - $2::interval"
            " WHERE transfer_id = $1",
            UUID(transfer_id),
            time,
        )

    async def pass_deadline(self, transfer_id: str) -> None:
        """Move the clock past the deadline and fire its timer."""
        await self.advance(ACKNOWLEDGEMENT_WINDOW)
        await self.fire_timer(transfer_id)

    async def timer_due(self, transfer_id: str) -> datetime | None:
        """Return when the timer of a transfer is due; None without one."""
        query = "SELECT wake_at FROM transfer WHERE transfer_id = $1"
        [row] = await self.fetch(query, UUID(transfer_id))
        due: datetime | None = row["wake_at"]
        return due

    async def fire_timer(self, transfer_id: str) -> bool:
        """Fire the timer of a transfer as a worker may at any time; return whether it was due."""
        return await transfer_service.on_timer(self.platform, UUID(transfer_id))

    def worker(self) -> ManualWorker:
        """Return a new worker."""
        return ManualWorker(self.platform)

    async def rescue(self) -> int:
        """Free the messages of silent workers; return how many."""
        return await worker_service.rescue(self.platform, _silent)

    async def message_states(self) -> Counter[str]:
        """Return how many messages are in each state."""
        query = "SELECT state, count(*) FROM message GROUP BY state"
        return Counter({row["state"]: row["count"] for row in await self.fetch(query)})


@asynccontextmanager
async def open_services(
    database_url: str, folder: Path, *, pool: int = 10, **more: object
) -> AsyncIterator[Services]:
    """Open the services over a database, with files under ``folder`` and ``more`` settings."""
    source = folder / "cloud-app"
    source.mkdir(parents=True, exist_ok=True)
    (source / "index.py").write_text(CLOUD_APP)
    chosen: dict[str, Any] = {"data_dir": folder, "clock": "virtual", "database_pool": pool}
    chosen |= {"functions": "trusted", **more}
    settings = Settings(**chosen)
    async with build(settings, database_url) as built:
        number = next(_numbers)
        registration = AppRegistration(
            kind=AppKind.FORGE,
            server_app_key=f"server-{number}",
            cloud_app_key=f"cloud-{number}",
            manifest=function_manifest(),
            source=str(source),
        )
        tokens = await app_service.register(built.platform, registration)
        app = await app_service.authenticate(built.platform, tokens.server_token, Audience.SERVER)
        yield Services(built.platform, app)
