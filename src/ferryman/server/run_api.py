"""Serve the HTTP API of a platform in this process."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.net import SocketHolder  # type: ignore[attr-defined]
from granian.server.embed import Server

from ferryman.api.application import create_app
from ferryman.api.auth import Credentials
from ferryman.api.drain import DrainGate
from ferryman.api.metrics import own_metrics
from ferryman.api.request_metrics import request_metrics
from ferryman.api.shared_metrics import SharedMetrics
from ferryman.config import Settings
from ferryman.server.build import build
from ferryman.server.lifecycle_client import lifecycle_client
from ferryman.server.listening import allow_connections, bound_unsent
from ferryman.services.platform import Platform

log = structlog.get_logger("ferryman.serve")

_BUFFER = 128 << 10
"""Bytes read from a connection, or held for it, at once.

With more, a client that stops reading costs more; with less, receiving a part takes more steps.
"""

_IDLE_SECONDS = 75
"""How long a connection may be without a request: longer than proxies keep theirs."""

_BACKLOG = 4096

_ANSWER_SECONDS = 30.0
"""Time to finish running requests at shutdown."""

_CLOSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Place:
    """Place of one API process among several: its socket, its number, and their files."""

    listening: socket.socket
    number: int
    counts: Sequence[int]

    def shared(self, platform: Platform) -> SharedMetrics:
        """Return the metrics that this process shares with the others."""
        return SharedMetrics(self.counts, self.number, partial(own_metrics, platform))


class _Server(Server):
    """Granian, on a socket that is given rather than opened by itself."""

    given: socket.socket | None = None

    def _init_shared_socket(self) -> None:
        if self.given is None:
            super()._init_shared_socket()  # type: ignore[no-untyped-call]
            return
        self.given.listen(_BACKLOG)
        holder: Any = SocketHolder
        self._ssp: Any = None
        self._shd: Any = holder(self.given.fileno(), False, _BACKLOG)


@asynccontextmanager
async def serving_api(
    settings: Settings,
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
        server = _Server(
            gate,
            address=settings.host,
            port=settings.port,
            interface=Interfaces.ASGI,
            # The version of HTTP is not guessed, since a silent client would be waited for.
            http=HTTPModes.http1,
            backlog=_BACKLOG,
            backpressure=settings.connections,
            log_enabled=False,
            http1_settings=HTTP1Settings(
                max_buffer_size=_BUFFER, header_read_timeout=_IDLE_SECONDS * 1000
            ),
            websockets=False,
        )
        server.given = None if place is None else place.listening
        serving = asyncio.create_task(server.serve())
        await _until_listening(settings, serving)
        bound_unsent(settings.port)
        # Tried now, so that the first registration or probe of readiness need not wait for it.
        beside: list[asyncio.Task[Any]] = [asyncio.create_task(built.platform.hostings.find())]
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
            server.stop()  # type: ignore[no-untyped-call]
            await asyncio.wait({serving}, timeout=_CLOSE_SECONDS)


async def _until_listening(settings: Settings, serving: "asyncio.Task[None]") -> None:
    while not serving.done():
        try:
            _, writer = await asyncio.open_connection(settings.host, settings.port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return
    await serving
