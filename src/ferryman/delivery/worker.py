"""The worker: takes jobs from the queue until it is told to stop.

A job is never lost. While the database is away the job waits for it. Anything unexpected puts
the job back. A worker that dies leaves its jobs to others after ``heartbeat_seconds``.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import timedelta

import aiohttp
import asyncpg
import msgspec
import structlog
from pgqueuer import PgQueuer
from pgqueuer.errors import RetryRequested
from pgqueuer.models import Job

from ferryman.delivery.dispatcher import Dispatcher
from ferryman.delivery.remote import RemoteSender
from ferryman.errors import OutsideError
from ferryman.functions.pool import FunctionPool
from ferryman.services import transfer as transfers
from ferryman.services.platform import Platform, passed
from ferryman.store.queue import DELIVER, WAKE, DeliverJob, WakeJob, requeue_held
from ferryman.tokens import SigningKey

log = structlog.get_logger("ferryman.worker")

_BATCH = 50
_PUT_BACK = timedelta(seconds=30)


async def run(platform: Platform, key: SigningKey, stop: asyncio.Event) -> None:
    """Work until ``stop``; then finish what is in flight."""
    settings = platform.settings
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
        FunctionPool(
            concurrency=settings.function_concurrency,
            memory_bytes=settings.function_memory_bytes,
        ) as functions,
    ):
        dispatcher = Dispatcher(
            platform,
            key,
            functions=functions,
            remotes=RemoteSender(session),
            environ=dict(os.environ),
        )
        pause = 0.1
        while not stop.is_set():
            began = asyncio.get_running_loop().time()
            try:
                await _work(platform, dispatcher, stop)
            except (OutsideError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as exc:
                log.warning("queue.lost", error=type(exc).__name__)
            except Exception:
                # pgqueuer reports a silent listener by an error of its own; begin again as well.
                log.exception("queue.failed")
            if asyncio.get_running_loop().time() - began > 10:
                pause = 0.1
            await passed(stop, pause)
            pause = min(pause * 2, 2.0)


async def _work(platform: Platform, dispatcher: Dispatcher, stop: asyncio.Event) -> None:
    settings = platform.settings
    await requeue_held(platform.database)
    queue = PgQueuer.from_asyncpg_pool(platform.database.pool)
    _register(queue, platform, dispatcher)
    stopper = asyncio.create_task(_pass_on(stop, queue.shutdown))
    try:
        await queue.qm.run(
            batch_size=_BATCH,
            max_concurrent_tasks=max(settings.delivery_concurrency, 2 * _BATCH),
            dequeue_timeout=timedelta(seconds=10),
            heartbeat_timeout=timedelta(seconds=settings.heartbeat_seconds),
            shutdown_on_listener_failure=True,
            log_aggregation_interval=timedelta(0),
        )
    finally:
        stopper.cancel()


def _register(queue: PgQueuer, platform: Platform, dispatcher: Dispatcher) -> None:
    @queue.entrypoint(DELIVER, on_failure="hold", accepts_context=False)
    async def deliver(job: Job) -> None:
        wanted = msgspec.json.decode(job.payload or b"", type=DeliverJob)
        await _surely(lambda: dispatcher.deliver(wanted.message_id, wanted.number), job)

    @queue.entrypoint(WAKE, on_failure="hold", accepts_context=False)
    async def wake(job: Job) -> None:
        wanted = msgspec.json.decode(job.payload or b"", type=WakeJob)
        await _surely(lambda: transfers.wake(platform, wanted.transfer_id, job.id), job)


async def _surely(work: Callable[[], Awaitable[None]], job: Job) -> None:
    """Do it, waiting for the database as long as it takes; on any other error put it back."""
    pause = 0.1
    while True:
        try:
            return await work()
        except OutsideError as exc:
            log.warning("job.waits", entrypoint=job.entrypoint, job=job.id, code=exc.code)
            await asyncio.sleep(pause)  # the database is away: there is no row to wait by
            pause = min(pause * 2, 2.0)
        except Exception as exc:
            log.exception("job.failed", entrypoint=job.entrypoint, job=job.id)
            raise RetryRequested(delay=_PUT_BACK, reason=type(exc).__name__) from exc


async def _pass_on(stop: asyncio.Event, shutdown: asyncio.Event) -> None:
    await stop.wait()
    shutdown.set()
