"""The worker: its agents, and the resources they share.

The dispatcher delivers messages, the queue dispatcher events of queues, the timekeeper fires the
timers of transfers, the job runner does the items of jobs, and the sweeper cleans up the storage.
Each finds its own work, so a slow app delays no deadline. None keeps work only in memory: if a
worker is killed, others take its work over. At a graceful shutdown each agent ends its own loop;
the dispatchers first finish what is in flight.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID

from ferryman.delivery.dispatcher import Dispatcher
from ferryman.delivery.draining import Draining
from ferryman.delivery.job_runner import JobRunner
from ferryman.delivery.notifications import Notifications
from ferryman.delivery.queue_dispatcher import QueueDispatcher
from ferryman.delivery.remote import open_sender
from ferryman.delivery.scheduler import Quotas
from ferryman.delivery.sender import Sender
from ferryman.delivery.sweeper import Sweeper
from ferryman.delivery.timekeeper import Timekeeper
from ferryman.functions.debugging import Debugging
from ferryman.functions.hosting import announce
from ferryman.functions.pool import FunctionPool
from ferryman.ids import ephemeral_id
from ferryman.services.key_ring import KeyRing
from ferryman.services.platform import Platform
from ferryman.store.queue_delivery import NOTIFICATION


async def run(
    platform: Platform,
    keys: KeyRing,
    database_url: str,
    stop: asyncio.Event,
    worker_id: UUID | None = None,
) -> None:
    """Run a worker until ``stop`` is set, then finish running deliveries."""
    settings = platform.settings
    hosting = await platform.hostings.find()
    port = settings.function_debug_port
    debugging = None if port is None else Debugging(port)
    announce(hosting)
    async with (
        open_sender(
            private=settings.posts_to_private_addresses, proxies=settings.proxies
        ) as remotes,
        FunctionPool(
            concurrency=max(settings.function_hosts, 2 * settings.function_concurrency),
            memory_bytes=settings.function_memory_bytes,
            sandbox=hosting.sandbox,
            bundler=hosting.bundler,
            held=hosting.refusal,
            debugging=debugging,
            beyond=2 * settings.function_concurrency,  # for consumers, quick and slow ones
            rests=settings.clock == "real",  # who moves a virtual clock waits for no rest
        ) as functions,
    ):
        sender = Sender(
            platform,
            keys,
            functions=functions,
            remotes=remotes,
            environ=dict(os.environ),
        )

        def report_hosts() -> None:
            busy, idle = functions.hosts
            platform.metrics.set("ferryman_function_hosts", busy, "busy")
            platform.metrics.set("ferryman_function_hosts", idle, "idle")
            platform.metrics.set("ferryman_function_places", settings.function_concurrency)

        platform.metrics.on_collect(report_hosts)
        # Without places, calls of functions stay due, for workers that may make them.
        places = 0 if hosting.refusal else settings.function_concurrency
        quotas = Quotas(
            at_once=settings.delivery_concurrency,
            places=places,
            share=max(1, places // 2),
            starts=functions.starts,
            hosts=functions.concurrency,
            ahead=2 * places,
        )
        async with _stopping(debugging, stop):
            await work(platform, database_url, stop, sender, functions, quotas, worker_id)


@asynccontextmanager
async def _stopping(debugging: Debugging | None, stop: asyncio.Event) -> AsyncIterator[None]:
    """End a function that is debugged on ``stop``: it may be at a breakpoint for hours."""

    async def end() -> None:
        await stop.wait()
        if debugging is not None:
            debugging.stop()

    ending = asyncio.create_task(end())
    try:
        yield
    finally:
        ending.cancel()


async def work(
    platform: Platform,
    database_url: str,
    stop: asyncio.Event,
    sender: Sender,
    functions: FunctionPool,
    quotas: Quotas,
    worker_id: UUID | None = None,
) -> None:
    """Run the agents, delivering through ``sender``, until ``stop`` is set; then drain."""
    worker_id, draining = worker_id or ephemeral_id(), Draining()
    # Consumers run for long: an app may have nearly all of their places.
    own = replace(quotas, share=max(1, quotas.places - 1))
    queues = QueueDispatcher(platform, sender, functions, stop, own, worker_id, draining)
    dispatcher = Dispatcher(platform, sender, functions, stop, quotas, worker_id, queues, draining)
    timekeeper = Timekeeper(platform, stop, draining)
    sweeper = Sweeper(platform, stop, draining)
    jobs = JobRunner(platform, stop, draining)

    def wake(payload: str) -> None:
        if payload == NOTIFICATION:
            queues.wake()
            return
        dispatcher.on_notify(payload)
        if not payload:
            timekeeper.wake()
            sweeper.wake()
            jobs.wake()
            queues.wake()

    async def wake_on_stop() -> None:
        await stop.wait()
        wake("")

    notifications = asyncio.create_task(Notifications(database_url, wake).run())
    try:
        # If one of them fails, cancel the rest: a half-running worker is worse than none.
        async with asyncio.TaskGroup() as group:
            agents = (dispatcher, queues, timekeeper, sweeper, jobs)
            for loop in (*(agent.run for agent in agents), wake_on_stop):
                group.create_task(loop())
    finally:
        notifications.cancel()
