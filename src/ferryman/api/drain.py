"""Drain a replica at a graceful shutdown: finish running requests, refuse new ones.

A refused call was not begun, so a client may send it again to another replica, even if it is not
idempotent.
"""

import asyncio

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from ferryman import refusals
from ferryman.api.problems import send_answer

_OPEN = frozenset({"/healthz", "/readyz", "/metrics"})
"""Paths that monitoring may call even during shutdown."""


class DrainGate:
    """ASGI middleware that counts the requests being answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._shut = False
        self._inside = 0
        self._empty = asyncio.Event()
        self._empty.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        if self._shut and scope["path"] not in _OPEN:
            await send_answer(refusals.request.STOPPING(), send)
            return
        self._inside += 1
        self._empty.clear()
        try:
            await self._app(scope, receive, send)
        finally:
            self._inside -= 1
            if not self._inside:
                self._empty.set()

    async def drain(self, seconds: float) -> bool:
        """Refuse new requests; return whether all running ones were answered within ``seconds``."""
        self._shut = True
        try:
            async with asyncio.timeout(seconds):
                return await self._empty.wait()
        except TimeoutError:
            return False
