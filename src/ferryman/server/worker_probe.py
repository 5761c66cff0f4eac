"""``/healthz`` and ``/readyz`` of a worker, for supervisors; it has no other surface."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import msgspec
import structlog
from aiohttp import web

from ferryman import refusals
from ferryman.services.health import HealthCheck, of_worker
from ferryman.services.platform import Platform
from ferryman.wire.health import Check, Readiness

log = structlog.get_logger("ferryman.worker")

_ENDING = Check(ok=False, found="it was told to end, and finishes what it had begun")


@asynccontextmanager
async def worker_probe(
    platform: Platform, worker_id: UUID, stop: asyncio.Event
) -> AsyncIterator[int]:
    """Answer probes in the block, on the settings' host and probe port; yields the port.

    Raises :class:`ConfigError` (``port_taken``).
    """
    health = HealthCheck(platform)

    async def alive(_: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def ready(_: web.Request) -> web.Response:
        own, whole = await asyncio.gather(of_worker(platform, worker_id), health.read())
        found = readiness_of(whole, own, ending=stop.is_set())
        status = 503 if found.status == "unready" else 200
        body = msgspec.json.encode(found)
        return web.Response(body=body, status=status, content_type="application/json")

    app = web.Application()
    app.add_routes([web.get("/healthz", alive), web.get("/readyz", ready)])
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        settings = platform.settings
        try:
            await web.TCPSite(runner, settings.host, settings.probe_port).start()
        except OSError as exc:
            raise refusals.database.PORT_TAKEN(
                port=settings.probe_port,
                host=settings.host,
                found=exc.strerror or "an address that cannot be used",
            ) from exc
        port: int = runner.addresses[0][1]
        log.info("probe.listens", host=settings.host, port=port)
        yield port
    finally:
        await runner.cleanup()


def readiness_of(whole: Readiness, own: Check | None, *, ending: bool) -> Readiness:
    """Return the readiness of one worker: the platform's, and whether the worker reports.

    ``own`` is None for a worker that has not reported lately; one that reports failures is
    degraded.
    """
    checks = {**whole.checks, "worker": own or Check(ok=False, found="it has not reported lately")}
    status = whole.status
    if own is not None and not own.ok and status == "ready":
        status = "degraded"
    if own is None:
        status = "unready"
    if ending:
        checks, status = {"process": _ENDING, **checks}, "unready"
    return Readiness(status=status, checks=checks, functions=whole.functions)
