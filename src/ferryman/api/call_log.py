"""Record the calls of apps and their answers, on platforms for development and tests.

The chunk that completes a response is held back until its call is stored, so an app never sees an
answer that cannot be recorded. That is the chunk that completes Content-Length, since the client
stops reading there.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from uuid import UUID

import structlog
from litestar.types import ASGIApp, Message, Receive, Send

from ferryman.api.auth import caller_of
from ferryman.services.platform import Platform
from ferryman.services.recording import keep
from ferryman.store.recording import AppCall

log = structlog.get_logger("ferryman.api")

SURFACES = (
    "/app/migration/forge/",
    "/rest/atlassian-connect/1/migration/",
    "/wiki/rest/atlassian-connect/1/migration/",
)
_NAMES = ("transfer_id", "file_key", "s3_key")
_KEPT_BYTES = 64 << 10


@dataclass
class _Body:
    """A body that passes through: its digest, and all of it if it is short."""

    size: int = 0
    digest: Any = field(default_factory=sha256)
    pieces: list[bytes] = field(default_factory=list)

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        self.digest.update(piece)
        if self.size <= _KEPT_BYTES:
            self.pieces.append(piece)
        else:
            self.pieces.clear()

    def text(self) -> str | None:
        """Return the body as text; None if it is empty, too long or not text."""
        try:
            text = b"".join(self.pieces).decode()
        except UnicodeDecodeError:
            return None
        return text if text and "\x00" not in text else None


class CallLog:
    """ASGI middleware that records the calls of apps."""

    def __init__(self, app: ASGIApp, platform: Platform) -> None:
        self._app = app
        self._platform = platform

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Pass the request on, and record it once it is answered."""
        if scope["type"] != "http" or not scope["path"].startswith(SURFACES):
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, self._platform)

        async def hear() -> Any:
            message = await receive()
            exchange.hear(message)
            return message

        async def answer(message: Message) -> None:
            await exchange.answer(message)
            await send(message)

        try:
            await self._app(scope, hear, answer)
        finally:
            await exchange.end()


@dataclass
class _Exchange:
    """A request and its response."""

    scope: Any
    platform: Platform
    status: int = 0
    length: int | None = None
    asked: _Body = field(default_factory=_Body)
    answered: _Body = field(default_factory=_Body)
    kept: bool = False

    def hear(self, message: Any) -> None:
        if message["type"] == "http.request":
            self.asked.add(message.get("body", b""))

    async def answer(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status, self.length = message["status"], _length(message["headers"])
        elif message["type"] == "http.response.body":
            self.answered.add(message.get("body", b""))
            if self.answered.size == self.length or not message.get("more_body", False):
                await self.end()

    async def end(self) -> None:
        """Record the exchange once, when the response ended or the client disconnected."""
        if self.kept or not self.status:
            return
        self.kept = True
        scope, asked, answered = self.scope, self.asked, self.answered
        app, named = caller_of(scope), _named(scope.get("path_params") or {})
        if app is None or named is None:
            return
        call = AppCall(
            app_id=app.app_id,
            named=named,
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode("latin-1").replace("\x00", ""),
            status=self.status,
            request=asked.text(),
            request_size=asked.size,
            request_sha256=asked.digest.hexdigest(),
            answer=_text_of(scope, answered),
            answer_size=answered.size,
            answer_sha256=answered.digest.hexdigest(),
        )
        try:
            await keep(self.platform, call)
        except Exception as failure:  # noqa: BLE001 - the call is answered, kept or not
            log.warning("call.not_kept", cause=type(failure).__name__)


def _length(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    length = next((value for name, value in headers if name.lower() == b"content-length"), b"")
    return int(length) if length.isdigit() else None


def _text_of(scope: Any, answered: _Body) -> str | None:
    # Recordings hold app data separately.
    return None if str(scope["path"]).endswith("/payload") else answered.text()


def _named(values: dict[str, Any]) -> UUID | None:
    for name in _NAMES:
        try:
            return UUID(str(values[name]))
        except (KeyError, ValueError):
            continue
    return None
