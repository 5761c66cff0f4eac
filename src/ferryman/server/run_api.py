"""Serve the HTTP API of a platform in this process."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from ferryman.api.application import create_app
from ferryman.api.auth import Credentials
from ferryman.api.drain import DrainGate
from ferryman.api.metrics import own_metrics
from ferryman.api.request_metrics import request_metrics
from ferryman.api.shared_metrics import SharedMetrics
from ferryman.server.build import build
from ferryman.server.http_server import HttpServer
from ferryman.server.lifecycle_client import lifecycle_client
from ferryman.server.listening import allow_connections, sockets
from ferryman.server.notices import dispatch_notices
from ferryman.services.platform import Platform

if TYPE_CHECKING:
    from ferryman.config import Settings

log = structlog.get_logger("ferryman.serve")

_ANSWER_SECONDS = 30.0
"""Time to finish running requests at shutdown."""


@dataclass(frozen=True, slots=True)
class Place:
    """Place of one API process among several: its socket, its number, and their files."""

    listening: socket.socket
    number: int
    counts: Sequence[int]

    def shared(self, platform: Platform) -> SharedMetrics:
        """Return the metrics that this process shares with the others."""
        return SharedMetrics(self.counts, self.number, partial(own_metrics, platform))


@asynccontextmanager
async def serving_api(
    settings: "Settings",
    database_url: str,
    operator_token: str,
    closing: asyncio.Event,
    place: Place | None = None,
) -> AsyncIterator["asyncio.Task[None]"]:
    """Serve the API; yields a task that ends only if the server does.

    Without a ``place`` this is the only process that serves it.
    On exit, running requests are finished within a time limit and new ones are refused.
    """
    async with (
        build(settings, database_url, check_store=True) as built,
        lifecycle_client(settings) as send,
    ):
        credentials = Credentials(operator_token, built.keys)
        allow_connections(settings.connections)
        shared = None if place is None else place.shared(built.platform)
        gate = DrainGate(create_app(built.platform, credentials, closing, send, shared))
        listening = (
            sockets(settings.host, settings.port, 1)[0] if place is None else place.listening
        )
        server = HttpServer(gate, settings, listening)
        serving = asyncio.create_task(server.serve())
        await _until_listening(settings, serving)
        # Tried now, so that the first registration or probe of readiness need not wait for it.
        beside: list[asyncio.Task[Any]] = [
            asyncio.create_task(built.platform.hostings.find()),
            asyncio.create_task(dispatch_notices(built.platform, closing)),
        ]
        if shared is not None:
            beside.append(asyncio.create_task(shared.keep(request_metrics().state)))
        try:
            yield serving
        finally:
            for task in beside:
                task.cancel()
            closing.set()
            if not await gate.drain(_ANSWER_SECONDS):
                log.warning("requests.cut_off", seconds=_ANSWER_SECONDS)
            await server.close()


async def _until_listening(settings: "Settings", serving: "asyncio.Task[None]") -> None:
    while not serving.done():
        try:
            _, writer = await asyncio.open_connection(settings.host, settings.port)
        except OSError:
            await asyncio.sleep(0.002)
        else:
            writer.close()
            return
    await serving
