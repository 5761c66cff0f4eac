"""Log and count each request: route, caller, status and duration.

It never holds a token, a body, or a value from the path or the query.
"""

import re
from time import perf_counter
from typing import Any

import structlog
from litestar.types import ASGIApp, Message, Receive, Send
from structlog.contextvars import bound_contextvars

from ferryman import tracing
from ferryman.api.auth import actor_of, caller_of
from ferryman.api.request_metrics import request_metrics
from ferryman.api.wrong_tokens import address_of
from ferryman.ids import ephemeral_id

log = structlog.get_logger("ferryman.api")

_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
"""Paths polled every few seconds; only their failures are logged."""

_REQUEST_ID = re.compile(rb"[\w.:+/=-]{1,128}", re.ASCII)

_CLIENT = re.compile(rb"ferryman-(python|java)(/[\w.+-]{1,40})?", re.ASCII)
"""The name and version of the SDK and of the agents; what others send is not logged."""


_REQUEST = "ferryman.request"


def request_id_of(scope: Any) -> str | None:
    """Return the id of a request, as its log line and its answer have it."""
    request_id: str | None = scope.get(_REQUEST)
    return request_id


class RequestLog:
    """ASGI middleware that logs and counts requests, and keeps a caller's X-Request-ID."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._metrics = request_metrics()

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Pass the request on, and log it when it ends."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: Any = scope["headers"]
        request_id, parent, client = _named(headers)
        scope[_REQUEST] = request_id
        began, status = perf_counter(), 0
        self._metrics.begin()

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
            seconds = perf_counter() - began
            self._metrics.running.dec()
            self._metrics.count(scope["method"], _route(scope), status, seconds)
            if scope["path"] not in _PROBES or status >= 400:
                _log_request(scope, request_id, client, status, seconds)


def _named(headers: list[tuple[bytes, bytes]]) -> tuple[str, str | None, str | None]:
    """Return the id of the request, its trace, and which of our clients sent it."""
    request_id, parent, client = None, None, None
    for name, value in headers:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            request_id = value.decode("ascii")
        elif name == b"traceparent":
            parent = tracing.parse(value.decode("latin-1"))
        elif name == b"user-agent" and _CLIENT.fullmatch(value):
            client = value.decode("ascii")
    return request_id or str(ephemeral_id()), parent, client


def _route(scope: Any) -> str:
    return str(scope.get("path_template") or "(none)")


def _log_request(
    scope: Any, request_id: str, client: str | None, status: int, seconds: float
) -> None:
    app, actor = caller_of(scope), actor_of(scope)
    log.info(
        "request.answered" if status else "request.broke_off",
        method=scope["method"],
        route=_route(scope),
        status=status or None,
        address=address_of(scope),
        client=client,
        seconds=round(seconds, 4),
        app=None if app is None else app.cloud_app_key,
        environment=None if app is None else app.environment,
        actor=None if actor is None else actor.name,
        request=request_id,
    )
