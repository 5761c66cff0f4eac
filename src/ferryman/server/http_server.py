"""Serve an application on a socket, over TLS where there is a certificate.

A renewed certificate is served by another server on the same socket. The one before takes no more
connections, and ends once its requests are answered.
"""

import asyncio
import os
import socket
from typing import TYPE_CHECKING, Any

import structlog
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.net import SocketHolder  # type: ignore[attr-defined]
from granian.server.embed import Server

from ferryman.server.certificate import KeyPair, key_pair, renewals

if TYPE_CHECKING:
    from ferryman.config import Settings

log = structlog.get_logger("ferryman.serve")

_BUFFER = 128 << 10
"""Bytes read from a connection, or held for it, at once.

With more, a client that stops reading costs more; with less, receiving a part takes more steps.
"""

_IDLE_SECONDS = 75
"""How long a connection may be without a request: longer than proxies keep theirs."""

_BACKLOG = 4096

_CLOSE_SECONDS = 5.0


class _Server(Server):
    """Granian, on a socket that is given rather than opened by itself."""

    given: socket.socket

    def _init_shared_socket(self) -> None:
        self.given.listen(_BACKLOG)
        holder: Any = SocketHolder
        self._ssp: Any = None
        # A descriptor of its own, which it closes.
        self._shd: Any = holder(os.dup(self.given.fileno()), False, _BACKLOG)


class HttpServer:
    """Serves one application in this process; the socket is its own from then on.

    Raises :class:`ConfigError` (``tls_invalid``) for a certificate that no client would accept.
    """

    def __init__(self, app: Any, settings: "Settings", listening: socket.socket) -> None:
        self._app = app
        self._settings = settings
        self._listening = listening
        self._pair = key_pair(settings)
        self._server, self._serving = self._begin(self._pair)
        self._ending: set[asyncio.Task[None]] = set()
        self._renewing = asyncio.create_task(self._renew())

    async def serve(self) -> None:
        """Return when the server ends, whose successors count as the same."""
        while True:
            serving = self._serving
            await asyncio.wait({serving})
            if serving is self._serving:
                return await serving

    async def close(self) -> None:
        """Take no more connections, and end those without a request."""
        self._renewing.cancel()
        self._listening.close()
        self._server.stop()  # type: ignore[no-untyped-call]
        await asyncio.wait({self._serving}, timeout=_CLOSE_SECONDS)

    def _begin(self, pair: KeyPair | None) -> tuple[_Server, "asyncio.Task[None]"]:
        server = _Server(
            self._app,
            address=self._settings.host,
            port=self._settings.port,
            # Without a lifespan: no part of the application has one, and the framework would import
            # what runs it.
            interface=Interfaces.ASGINL,
            # The version of HTTP is not guessed, since a silent client would be waited for.
            http=HTTPModes.http1,
            backlog=_BACKLOG,
            backpressure=self._settings.connections,
            log_enabled=False,
            http1_settings=HTTP1Settings(
                max_buffer_size=_BUFFER, header_read_timeout=_IDLE_SECONDS * 1000
            ),
            websockets=False,
            ssl_cert=None if pair is None else pair.certificate,
            ssl_key=None if pair is None else pair.key,
            # Customers' servers are old.
            ssl_protocol_min=SSLProtocols.tls12,
        )
        server.given = self._listening
        return server, asyncio.create_task(server.serve())

    async def _renew(self) -> None:
        if self._pair is None:
            return
        async for pair in renewals(self._settings, self._pair):
            before, ending = self._server, self._serving
            try:
                self._server, self._serving = self._begin(pair)
            except OSError as error:  # the files have changed since they were checked
                log.warning("certificate.refused", found=str(error))
                continue
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
            before.stop()  # type: ignore[no-untyped-call]
            log.info("certificate.renewed", file=str(pair.certificate))
