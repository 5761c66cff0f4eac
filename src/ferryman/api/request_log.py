"""Log and count each request: route, caller, status and duration.

It never holds a token, a body, or a value from the path or the query.
"""

import re
from functools import cache, lru_cache
from importlib.metadata import version
from time import perf_counter
from typing import Any

import structlog
from litestar.types import ASGIApp, Message, Receive, Send
from structlog.contextvars import bind_contextvars, reset_contextvars

from ferryman import tracing
from ferryman.api.auth import actor_of, caller_of
from ferryman.api.request_metrics import request_metrics
from ferryman.api.wrong_tokens import address_of
from ferryman.domain import support_window
from ferryman.ids import ephemeral_id
from ferryman.logs import SLOW_SECONDS, sampled

log = structlog.get_logger("ferryman.api")

_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
"""Paths polled every few seconds; only their failures are logged."""

_REQUEST_ID = re.compile(rb"[\w.:+/=-]{1,128}", re.ASCII)

_CLIENT = re.compile(rb"ferryman-(python|java)(/[\w.+-]{1,40})?", re.ASCII)
"""The name and version of the SDK and of the agents; what others send is not logged."""


_CODE = re.compile(rb'"code":"([a-z0-9_]{1,80})"')

_REQUEST = "ferryman.request"


def request_id_of(scope: Any) -> str | None:
    """Return the id of a request, as its log line and its answer have it."""
    request_id: str | None = scope.get(_REQUEST)
    return request_id


class RequestLog:
    """ASGI middleware that logs and counts requests, and keeps a caller's X-Request-ID."""

    def __init__(self, app: ASGIApp, sample: float) -> None:
        self._app = app
        self._sample = sample
        self._metrics = request_metrics()

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Pass the request on, and log it when it ends."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: Any = scope["headers"]
        request_id, parent, client = _named(headers)
        scope[_REQUEST] = request_id
        began, status, code = perf_counter(), 0, None
        self._metrics.begin()

        async def answer(message: Message) -> None:
            nonlocal status, code
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", []),
                    (b"x-request-id", request_id.encode()),
                    *_notices(client),
                ]
            elif status >= 400 and code is None:
                code = _code_in(message.get("body", b""))
            await send(message)

        bound = bind_contextvars(request=request_id)
        try:
            with tracing.span(f"HTTP {scope['method']}", parent, "server") as span:
                await self._app(scope, receive, answer)
                if span is not None:
                    span.update_name(f"{scope['method']} {_route(scope)}")
                    span.set_attribute("http.response.status_code", status)
        finally:
            reset_contextvars(**bound)
            seconds = perf_counter() - began
            self._metrics.running.dec()
            self._metrics.count(scope["method"], _route(scope), status, seconds)
            if self._logs(scope["path"], request_id, status, seconds):
                _log_request(scope, request_id, client, status, seconds, code)

    def _logs(self, path: str, request_id: str, status: int, seconds: float) -> bool:
        """Return whether a request has a line; failures, and slow ones but probes, always have."""
        if status >= 400:
            return True
        if path in _PROBES:
            return False
        return not status or seconds >= SLOW_SECONDS or sampled(self._sample, request_id)


@cache
def _own_version() -> str:
    return version("ferryman")


@lru_cache(maxsize=100)
def _notice(client: str) -> support_window.SupportNotice | None:
    return support_window.notice(client, _own_version())


def _notices(client: str | None) -> list[tuple[bytes, bytes]]:
    """Return the header for an SDK or agent that this version does not support (ADR 116)."""
    notice = None if client is None else _notice(client)
    return [] if notice is None else [(b"ferryman-notice", notice.text.encode())]


def _code_in(body: object) -> str | None:
    """Return the code of a refusal; quotes in its texts are escaped, so they look different."""
    found = _CODE.search(body) if isinstance(body, bytes) else None
    return None if found is None else found[1].decode()


def _named(headers: list[tuple[bytes, bytes]]) -> tuple[str, str | None, str | None]:
    """Return the id of the request, its trace, and the client of ours that sent it, if any."""
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
    scope: Any,
    request_id: str,
    client: str | None,
    status: int,
    seconds: float,
    code: str | None,
) -> None:
    app, actor = caller_of(scope), actor_of(scope)
    notice = None if client is None else _notice(client)
    say = log.warning if status >= 500 else log.info
    say(
        "request.answered" if status else "request.broke_off",
        method=scope["method"],
        route=_route(scope),
        status=status or None,
        code=code,
        address=address_of(scope),
        client=client,
        support=None if notice is None else notice.support,
        seconds=round(seconds, 4),
        app=None if app is None else app.cloud_app_key,
        environment=None if app is None else app.environment,
        actor=None if actor is None else actor.name,
        request=request_id,
    )
