"""An app's queues on the site that a call is for: push events, count and cancel jobs (ADR 89)."""

from collections.abc import Sequence
from uuid import UUID

from ferryman import refusals
from ferryman.domain import queue as queue_rules
from ferryman.domain.limits import KEY_CHARACTERS
from ferryman.domain.queue import NewEvent
from ferryman.errors import Invalid
from ferryman.functions.manifest import parse_manifest
from ferryman.functions.routes import ConsumerRoute, consumer_route
from ferryman.ids import new_id
from ferryman.services import key_value as key_value_service
from ferryman.services.platform import Platform, check_text
from ferryman.store import queue as queue_store
from ferryman.store.app import AppRow
from ferryman.store.database import Transaction
from ferryman.store.key_value import AppSite, SiteRow
from ferryman.store.queue import JobStats, QueueLane


def route_of(platform: Platform, app: AppRow, queue: str) -> ConsumerRoute | None:
    """Return where the events of an app's queue go; None if nothing consumes them."""
    settings = platform.settings
    return consumer_route(
        parse_manifest(app.manifest or {}),
        queue,
        usual=settings.consumer_seconds,
        of_triggers=settings.function_seconds,
        of_endpoints=settings.remote_seconds,
    )


def no_consumer(app: AppRow, queue: str) -> str:
    """Return why :func:`route_of` is None for an event that was pushed."""
    consumer = parse_manifest(app.manifest or {}).consumer(queue)
    if consumer is None:
        return f"no consumer of the app names the queue {queue}"
    return f"the endpoint {consumer.endpoint!r:.64} of the queue {queue} has no address"


async def push(
    platform: Platform,
    app: AppRow,
    *,
    queue: str,
    job_id: str,
    events: Sequence[NewEvent],
    size: int,
    chain: int,
) -> None:
    """Store events of a job for the consumer of a queue, all of them or none.

    ``size`` is that of all events as JSON; ``chain`` are the pushes that led to this one.
    """
    where = _site_of(app)
    check_text("text", job_id, longest=KEY_CHARACTERS)
    route = route_of(platform, app, queue)
    if route is None:
        raise _unknown(app, queue)
    queue_rules.check_push(events, size, seconds=route.seconds, chain=chain)
    for event in events:
        if event.concurrency is not None:
            check_text("key", event.concurrency.key, longest=KEY_CHARACTERS)
    lane, numbered = QueueLane(app.app_id, queue), {new_id(): event for event in events}

    async def again(tx: Transaction, _site: SiteRow) -> bool:
        return await _push(tx, lane, where, job_id, numbered, chain)

    async with key_value_service.admitted(platform, app, size):
        async with platform.database.statement() as tx:
            if await _push(tx, lane, where, job_id, numbered, chain):
                return
        # The app may never have been on the site, or another call opened it meanwhile.
        await key_value_service.in_transaction(platform, app, again, placed=False)


async def _push(
    tx: Transaction,
    lane: QueueLane,
    where: AppSite,
    job_id: str,
    events: dict[UUID, NewEvent],
    chain: int,
) -> bool:
    return await queue_store.push(tx, lane, where.site, job_id, events, chain=chain)


async def stats(platform: Platform, app: AppRow, *, queue: str, job_id: str) -> JobStats:
    """Count the events of a job; raise :class:`NotFound` (``queue_job_not_found``)."""
    where = _site_of(app)
    check_text("text", job_id, longest=KEY_CHARACTERS)
    async with platform.database.reading() as tx:
        found = await queue_store.stats(tx, QueueLane(app.app_id, queue), where.site, job_id)
    if found is None:
        raise refusals.queue.JOB_NOT_FOUND(job=job_id)
    return found


async def cancel(platform: Platform, app: AppRow, *, queue: str, job_id: str) -> None:
    """Cancel the events of a job that have not started, and retries; what runs goes on.

    Repeatable. Raises :class:`NotFound` (``queue_job_not_found``).
    """
    where = _site_of(app)
    check_text("text", job_id, longest=KEY_CHARACTERS)
    async with platform.database.statement() as tx:
        found = await queue_store.cancel(tx, QueueLane(app.app_id, queue), where.site, job_id)
    if not found:
        raise refusals.queue.JOB_NOT_FOUND(job=job_id)


def _site_of(app: AppRow) -> AppSite:
    if app.site is None:
        raise refusals.queue.INSTALLATION_MISSING()
    return AppSite(app.app_id, app.site)


def _unknown(app: AppRow, queue: str) -> Invalid:
    manifest = parse_manifest(app.manifest or {})
    if (consumer := manifest.consumer(queue)) is not None:
        return refusals.queue.CONSUMER_ENDPOINT(queue=queue, endpoint=consumer.endpoint)
    names = ", ".join(sorted({each.queue for each in manifest.consumers})[:10])
    return refusals.queue.UNKNOWN(queue=queue, declared=names or "none is declared")
