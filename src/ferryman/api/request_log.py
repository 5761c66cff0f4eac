"""One line of the log for each request: what was called, by whom, and how it went.

It never holds a token, a body, or a value of the path or the query.
"""

import re
from time import perf_counter
from typing import Any

import structlog
from litestar.types import ASGIApp, Message, Receive, Send
from structlog.contextvars import bound_contextvars

from ferryman import tracing
from ferryman.api.auth import caller_of
from ferryman.ids import passing_id

log = structlog.get_logger("ferryman.api")

_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
"""Called every few seconds; of these only what fails is told."""

_REQUEST_ID = re.compile(rb"[\w.:+/=-]{1,128}", re.ASCII)


class RequestLog:
    """An ASGI application before another. A request keeps the id its caller gave it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Pass the request on, and tell of it when it is over."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: Any = scope["headers"]
        request_id, parent = _named(headers)
        began, status = perf_counter(), 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", []),
                    (b"x-request-id", request_id.encode()),
                ]
            await send(message)

        try:
            with (
                bound_contextvars(request=request_id),
                tracing.span(f"HTTP {scope['method']}", parent, "server") as span,
            ):
                await self._app(scope, receive, answer)
                if span is not None:
                    span.update_name(f"{scope['method']} {_route(scope)}")
                    span.set_attribute("http.response.status_code", status)
        finally:
            if scope["path"] not in _PROBES or status >= 400:
                _tell(scope, request_id, status, perf_counter() - began)


def _named(headers: list[tuple[bytes, bytes]]) -> tuple[str, str | None]:
    request_id, parent = None, None
    for name, value in headers:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            request_id = value.decode("ascii")
        elif name == b"traceparent":
            parent = tracing.parse(value.decode("latin-1"))
    return request_id or str(passing_id()), parent


def _route(scope: Any) -> str:
    return str(scope.get("path_template") or "(none)")


def _tell(scope: Any, request_id: str, status: int, seconds: float) -> None:
    app = caller_of(scope)
    log.info(
        "request.answered" if status else "request.broke_off",
        method=scope["method"],
        route=_route(scope),
        status=status or None,
        seconds=round(seconds, 4),
        app=None if app is None else app.cloud_app_key,
        environment=None if app is None else app.environment,
        request=request_id,
    )
