"""The worker: takes jobs from the queue until it is told to stop.

Timers and deliveries are taken by queues of their own, so that no app's slowness delays a
deadline. A job is never lost. While the database is away the job waits for it. Anything
unexpected puts the job back. A worker that dies leaves its jobs to others after
``heartbeat_seconds``.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import timedelta

import msgspec
import structlog
from pgqueuer import PgQueuer
from pgqueuer.errors import RetryRequested
from pgqueuer.models import Job

from ferryman.delivery.dispatcher import Dispatcher
from ferryman.delivery.remote import RemoteSender, open_session
from ferryman.delivery.sender import Sender
from ferryman.errors import OutsideError
from ferryman.functions.pool import FunctionPool
from ferryman.services import sweep as sweeps
from ferryman.services import transfer as transfers
from ferryman.services.platform import Platform, passed
from ferryman.store.database import CONNECTION_LOST, connect
from ferryman.store.queue import SWEEP, WAKE, WakeJob, requeue_held
from ferryman.tokens import SigningKey

log = structlog.get_logger("ferryman.worker")

_BATCH = 50
_PUT_BACK = timedelta(seconds=30)
_LOOK = timedelta(seconds=2)
"""A queue that hears of nothing looks by itself this often, and so finds a lost connection."""

_REACH_SECONDS = 60.0
"""Between two looks for the folder of files."""

_TIMERS_AT_ONCE = 100

Handler = Callable[[Job], Awaitable[None]]


async def run(platform: Platform, key: SigningKey, database_url: str, stop: asyncio.Event) -> None:
    """Work until ``stop``; then finish what is in flight."""
    settings = platform.settings
    async with (
        open_session(private=settings.posts_to_private_addresses) as session,
        FunctionPool(
            concurrency=settings.function_concurrency,
            memory_bytes=settings.function_memory_bytes,
        ) as functions,
    ):
        sender = Sender(
            platform,
            key,
            functions=functions,
            remotes=RemoteSender(session),
            environ=dict(os.environ),
        )

        def watch() -> None:
            busy, idle = functions.hosts
            platform.figures.level("ferryman_function_hosts", busy, "busy")
            platform.figures.level("ferryman_function_hosts", idle, "idle")
            platform.figures.level("ferryman_function_places", functions.concurrency)

        platform.figures.watch(watch)
        await work(platform, database_url, stop, sender, functions)


async def work(
    platform: Platform,
    database_url: str,
    stop: asyncio.Event,
    sender: Sender,
    functions: FunctionPool,
) -> None:
    """Take what is due, by that sender, until ``stop``; then finish what is in flight."""

    async def wake(job: Job) -> None:
        wanted = msgspec.json.decode(job.payload or b"", type=WakeJob)
        await transfers.wake(platform, wanted.transfer_id, job.id)

    async def sweep(job: Job) -> None:
        await sweeps.wake(platform, job.id)

    queue = _Queue(platform, database_url, stop)
    # All of them come to their end before the rest does, also when this is cancelled.
    async with asyncio.TaskGroup() as group:
        group.create_task(queue.work(WAKE, wake, at_once=_TIMERS_AT_ONCE))
        group.create_task(_sweep(platform, stop, queue, sweep))
        group.create_task(Dispatcher(platform, sender, functions, database_url, stop).run())


class _Queue:
    """Takes the jobs of one entrypoint, on a connection of its own, for as long as need be."""

    def __init__(self, platform: Platform, database_url: str, stop: asyncio.Event) -> None:
        self._platform = platform
        self._url = database_url
        self._stop = stop

    async def work(self, entrypoint: str, handler: Handler, *, at_once: int) -> None:
        """Begin again, with growing pauses, whenever the connection is lost."""
        loop = asyncio.get_running_loop()
        pause = 0.1
        while not self._stop.is_set():
            began = loop.time()
            try:
                await self._listen(entrypoint, handler, at_once)
            except (OutsideError, *CONNECTION_LOST) as exc:
                log.warning("queue.lost", entrypoint=entrypoint, error=type(exc).__name__)
            except Exception:
                log.exception("queue.failed", entrypoint=entrypoint)
            pause = 0.1 if loop.time() - began > 10 else min(pause * 2, 2.0)
            await passed(self._stop, pause)

    async def _listen(self, entrypoint: str, handler: Handler, at_once: int) -> None:
        await requeue_held(self._platform.database)
        connection = await connect(self._url)
        queue = PgQueuer.from_asyncpg_connection(connection)

        @queue.entrypoint(entrypoint, on_failure="hold", accepts_context=False)
        async def handle(job: Job) -> None:
            await _surely(lambda: handler(job), job)

        stopper = asyncio.create_task(self._pass_on(queue.shutdown))
        try:
            await queue.qm.run(
                batch_size=_BATCH,
                max_concurrent_tasks=max(at_once, 2 * _BATCH),
                dequeue_timeout=_LOOK,
                heartbeat_timeout=timedelta(seconds=self._platform.settings.heartbeat_seconds),
                log_aggregation_interval=timedelta(0),
            )
        finally:
            stopper.cancel()
            connection.terminate()

    async def _pass_on(self, shutdown: asyncio.Event) -> None:
        await self._stop.wait()
        shutdown.set()


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


async def _sweep(platform: Platform, stop: asyncio.Event, queue: _Queue, handler: Handler) -> None:
    """Set the timer of the sweep and take it.

    Where the files are out of reach, only rows are removed, if nobody else does; a folder may
    come within reach.
    """
    # Twice as long as a sweep waits, which removes them as well.
    overdue = timedelta(seconds=2 * platform.settings.sweep_seconds)
    told = False
    while not stop.is_set():
        try:
            if await platform.objects.is_own():
                await sweeps.keep_timer(platform)
                break
            if not told:
                told = True
                log.warning("sweep.not_here", reason="the files are not in this worker's folder")
            await sweeps.maintain(platform, overdue)
            await passed(stop, _REACH_SECONDS)
        except OutsideError as exc:
            log.warning("sweep.waits", code=exc.code)
            await passed(stop, 1.0)
    await queue.work(SWEEP, handler, at_once=1)
