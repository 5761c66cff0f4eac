"""Give up clients that neither send nor take anything for a while; read small bodies to the end.

A server that answers before the whole body has come closes the connection, and a client that has
already sent its next request there gets no answer to it. So small bodies are read to the end.
"""

import asyncio
from typing import Any

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from ferryman import refusals
from ferryman.errors import PlatformError

log = structlog.get_logger("ferryman.api")


_DRAINED_BYTES = 64 << 10
"""The largest body that is read although the answer does not need it."""

_DRAIN_SECONDS = 5.0


class StalledError(Exception):
    """The client took nothing of its answer for too long; the connection is closed."""


class StallGuard:
    """ASGI middleware that bounds each wait for a piece of a body, and for room to send one.

    ``seconds`` is the longest time without progress. A body that does not come is refused with
    ``body_stalled``; an answer that is not taken ends the connection. Waiting for an event, with
    nothing to send and the body received, is not bounded. A client that leaves before its body is
    whole raises ``client_disconnected``, which nobody is answered.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with both bounds."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        client = _Client(receive, send, self._seconds, _body_bytes(scope))
        await self._app(scope, client.receive, client.send)


class _Client:
    """Both directions of one request."""

    def __init__(
        self, receive: Receive, send: Send, seconds: float, body_bytes: int | None
    ) -> None:
        self._receive, self._send, self._seconds = receive, send, seconds
        self._body_bytes = body_bytes
        self._received = body_bytes == 0
        self._gone = self._stalled = self._streams = False

    async def receive(self) -> Any:
        if self._received:
            return await self._receive()
        try:
            async with asyncio.timeout(self._seconds):
                message = await self._receive()
        except TimeoutError:
            self._received = True  # the rest is not waited for again
            raise refusals.request.BODY_STALLED(seconds=self._seconds) from None
        if message["type"] != "http.request":
            self._gone = True
            raise refusals.request.DISCONNECTED()
        self._received = not message["more_body"]
        return message

    async def send(self, message: Message) -> None:
        if self._gone:
            return  # nobody is there: logged as broken off
        if self._stalled:
            raise StalledError
        own: Any = message
        if own["type"] == "http.response.start" and not self._received:
            await self._finish_request(message)
        self._streams = self._streams or own.get("more_body", False)
        if not self._streams:
            # The server takes it as a whole and returns at once, whether it is read or not.
            await self._send(message)
            return
        try:
            async with asyncio.timeout(self._seconds):
                await self._send(message)
        except TimeoutError:
            self._stalled = True
            log.warning("answer.stalled", seconds=self._seconds)
            raise StalledError from None

    async def _finish_request(self, message: Any) -> None:
        """Read the rest of a small body; tell the client of another one to reconnect."""
        headers = [*message.get("headers", [])]
        if any(name == b"connection" for name, _ in headers):
            return
        if self._body_bytes is not None and self._body_bytes <= _DRAINED_BYTES:
            try:
                async with asyncio.timeout(_DRAIN_SECONDS):
                    while not self._received:
                        await self.receive()
            except (TimeoutError, PlatformError):
                pass
            else:
                return
        message["headers"] = [*headers, (b"connection", b"close")]


def _body_bytes(scope: Any) -> int | None:
    """Return the length of a request's body; None if it is not known before it ends."""
    length, chunked = b"", False
    for name, value in scope["headers"]:
        if name == b"content-length":
            length = value
        elif name == b"transfer-encoding":
            chunked = True
    if length.isdigit():
        return int(length)
    return None if chunked else 0
