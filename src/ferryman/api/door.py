"""The way in while this replica ends: what has begun is answered, what comes now is refused.

Others answer instead. A call that is refused here was not begun, so it may be sent again to
another replica, whatever it does.
"""

import asyncio

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from ferryman.api.problems import problem_of, status_of
from ferryman.errors import OutsideError

_OPEN = frozenset({"/healthz", "/readyz", "/metrics"})
"""Whoever watches this process may go on."""


class Door:
    """An ASGI application before another; counts what is being answered."""

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
            await _refuse(send)
            return
        self._inside += 1
        self._empty.clear()
        try:
            await self._app(scope, receive, send)
        finally:
            self._inside -= 1
            if not self._inside:
                self._empty.set()

    async def shut(self, seconds: float) -> bool:
        """Refuse from now on; whether all that had begun was answered within ``seconds``."""
        self._shut = True
        try:
            async with asyncio.timeout(seconds):
                return await self._empty.wait()
        except TimeoutError:
            return False


async def _refuse(send: Send) -> None:
    error = OutsideError(
        "stopping",
        expected="a replica that goes on",
        found="one that was told to end, and finishes what it had begun",
        fix="Send it again, to another replica or a little later; nothing was done.",
    )
    status = status_of(error)
    body = msgspec.json.encode(problem_of(error, status))
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"retry-after", b"1"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
