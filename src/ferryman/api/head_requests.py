"""Answer HEAD as GET, without the body (RFC 9110, 9.3.2)."""

import asyncio
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from ferryman.api.connect import BASE
from ferryman.api.objects import PATH

_SIGNED = (f"{PATH}/", f"{BASE}/", f"/wiki{BASE}/")
"""Paths whose signature covers the method."""


class HeadAsGet:
    """ASGI middleware that answers HEAD with the headers of GET, and no body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; of an answer to HEAD, only the headers are sent."""
        asked = scope["type"] == ScopeType.HTTP and scope["method"] == "HEAD"
        if asked and not scope["path"].startswith(_SIGNED):
            await self._answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _answer(self, scope: Any, receive: Receive, send: Send) -> None:
        streams = False

        async def send_headers(message: Message) -> None:
            nonlocal streams
            if message["type"] == "http.response.start":
                await send(message)
                end: Any = {"type": "http.response.body", "body": b"", "more_body": False}
                await send(end)
            elif message.get("more_body"):
                streams = True
                answering.cancel()  # nobody takes the rest, which may have no end

        # In place, since the log of requests reads what the handlers note in it.
        scope["method"] = "GET"
        answering = asyncio.ensure_future(self._app(scope, receive, send_headers))
        try:
            await answering
        except asyncio.CancelledError:
            if not streams:
                raise
        finally:
            scope["method"] = "HEAD"
