"""``ferryman worker``: deliveries and timers, on any number of machines with one database."""

import asyncio
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING

import structlog

from ferryman import refusals, time_slice
from ferryman.delivery import worker as delivery_worker
from ferryman.ids import ephemeral_id
from ferryman.server import collector
from ferryman.server.build import build
from ferryman.server.debugging import check_debugging
from ferryman.server.parent_watchdog import exit_with_parent
from ferryman.server.restore_mark import check_restored
from ferryman.server.startup import stop_on_signals, unless_stopped
from ferryman.store.embedded import EmbeddedPostgres

if TYPE_CHECKING:
    from ferryman.config import Settings

log = structlog.get_logger("ferryman.worker")

_DRAIN_SECONDS = 30.0
"""Time to finish running deliveries at shutdown; other workers take over the rest."""


async def run_worker(settings: "Settings") -> None:
    """Run until SIGTERM or SIGINT, then finish running deliveries within a time limit."""
    check_debugging(settings)
    check_restored(settings.data_dir)
    if settings.no_delivery:
        raise refusals.backup.NO_WORKER()
    stop = asyncio.Event()
    stop_on_signals(stop)
    exit_with_parent(stop, _DRAIN_SECONDS + 5)
    url = settings.database_url
    if url is None:
        url = await asyncio.to_thread(EmbeddedPostgres(settings.data_dir).start)
    async with AsyncExitStack() as stack:
        built = await unless_stopped(stop, stack.enter_async_context(build(settings, url)))
        if built is None:
            return
        collector.freeze()
        time_slice.shorten(for_children=False)  # functions take usual ones
        worker_id = ephemeral_id()
        if settings.probe_port is not None:
            # Imported only if needed: aiohttp's server is no part of a worker.
            from ferryman.server.worker_probe import worker_probe

            await stack.enter_async_context(worker_probe(built.platform, worker_id, stop))
        working = asyncio.create_task(
            delivery_worker.run(built.platform, built.keys, url, stop, worker_id)
        )
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        _, late = await asyncio.wait({working}, timeout=_DRAIN_SECONDS)
        if late:
            log.warning("worker.cut_off", seconds=_DRAIN_SECONDS)
            working.cancel()
        with suppress(asyncio.CancelledError):
            await working
