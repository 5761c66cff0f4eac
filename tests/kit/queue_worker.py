"""An app with queues on the services of a test, and a worker whose steps the test takes."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from ferryman.domain.outcome import Outcome
from ferryman.domain.queue import Concurrency, NewEvent
from ferryman.services import app as app_service
from ferryman.services import migration as migration_service
from ferryman.services import queue as queue_service
from ferryman.services import queue_delivery, queue_list
from ferryman.services import worker as worker_service
from ferryman.services.queue_delivery import QueueDelivery
from ferryman.services.queue_list import QueueEventQuery
from ferryman.store.app import AppRow
from ferryman.vocab import AppKind
from ferryman.wire.app import AppRegistration
from ferryman.wire.migration import MigrationRequest
from tests.kit.queues import queue_manifest
from tests.kit.services import Services

SITE = "https://harbour.example"
PAUSE = timedelta(minutes=1)
"""The wait after each failure."""


@dataclass
class Queues:
    """An app with queues, and a worker whose steps a test takes."""

    services: Services
    app: AppRow
    worker_id: UUID = field(default_factory=uuid4)

    @classmethod
    async def begin(cls, services: Services, customer: str = "default") -> "Queues":
        """Register an app, plan a migration to its site, and let its worker be known."""
        request = AppRegistration(
            kind=AppKind.FORGE,
            server_app_key="queue-server",
            cloud_app_key="queue-cloud",
            manifest=queue_manifest(),
            source=services.app.source,
        )
        await app_service.register(services.platform, request)
        await migration_service.create(
            services.platform,
            MigrationRequest(
                name="Harbour moves",
                cloud_url=SITE,
                source_id="harbour",
                apps=["queue-cloud"],
                customer=customer,
            ),
        )
        async with services.platform.database.reading() as tx:
            found = await app_service.find(tx, "queue-cloud")
        queues = cls(services, replace(found, site=SITE))
        await queues.heartbeat()
        return queues

    async def heartbeat(self) -> None:
        await worker_service.heartbeat(self.services.platform, self.worker_id)

    def another_worker(self) -> "Queues":
        return Queues(self.services, self.app)

    async def push(
        self,
        job: str,
        count: int = 1,
        *,
        queue: str = "usual",
        key: str = "",
        limit: int = 1,
        body: bytes = b"{}",
    ) -> None:
        concurrency = Concurrency(key=key, limit=limit) if key else None
        events = [NewEvent(body=body, size=20, concurrency=concurrency)] * count
        await queue_service.push(
            self.services.platform,
            self.app,
            queue=queue,
            job_id=job,
            events=events,
            size=20 * count,
            chain=0,
        )

    async def claim(self, room: int = 100) -> list[QueueDelivery]:
        due, now = await queue_delivery.due(self.services.platform)
        quotas = {lane: room for lane, at in due.items() if at <= now}
        if not quotas:
            return []
        return await queue_delivery.claim(self.services.platform, self.worker_id, quotas)

    async def end(self, outcome: Outcome, *deliveries: QueueDelivery) -> None:
        for each in deliveries:
            await queue_delivery.record(
                self.services.platform, self.worker_id, each.event, outcome, PAUSE
            )

    async def rescue(self, *held: QueueDelivery) -> int:
        platform, ids = self.services.platform, {each.event.event_id for each in held}
        return await queue_delivery.rescue(platform, self.worker_id, ids, _pause)

    async def stats(self, job: str, queue: str = "usual") -> tuple[int, int, int]:
        """Return how many events succeeded, are in progress, and failed."""
        found = await queue_service.stats(self.services.platform, self.app, queue=queue, job_id=job)
        return found.success, found.in_progress, found.failed

    async def events(self, **query: Any) -> list[Any]:
        page = await queue_list.page(
            self.services.platform,
            str(self.app.app_id),
            QueueEventQuery(**query),
            cursor=None,
            size=None,
        )
        return page.items


def _pause(_event_id: UUID, failures: int) -> timedelta:
    return failures * PAUSE
