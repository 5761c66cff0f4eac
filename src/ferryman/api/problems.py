"""Turn refusals into RFC 9457 problem details, by one table from error to HTTP status."""

from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from litestar.types import Send

from ferryman import refusals
from ferryman.api.parameters import query_names, query_values
from ferryman.errors import (
    ConfigError,
    Conflict,
    Expired,
    Invalid,
    LimitExceeded,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    OutsideError,
    PlatformError,
    RateLimited,
)
from ferryman.wire.problem import Problem

log = structlog.get_logger("ferryman.api")

STATUS: dict[type[PlatformError], int] = {
    Invalid: 400,
    LimitExceeded: 400,
    ConfigError: 400,
    NotAuthenticated: 401,
    NotAllowed: 403,
    NotFound: 404,
    Conflict: 409,
    Expired: 410,
    RateLimited: 429,
    OutsideError: 503,
}
"""HTTP status by error class; the first class that matches wins."""

_STATUS_OF_CODE = {row.code: row.status for row in refusals.PLATFORM_ROWS if row.status}


def status_of(error: PlatformError) -> int:
    """Return the HTTP status of an error."""
    return _STATUS_OF_CODE.get(error.code) or _status_of_class(type(error))


def row_status(row: refusals.Refusal[PlatformError]) -> int | None:
    """Return the HTTP status of a row; None for a refusal before anybody can be answered."""
    return None if row.kind is ConfigError else row.status or _status_of_class(row.kind)


def _status_of_class(kind: type[PlatformError]) -> int:
    return next(status for error_class, status in STATUS.items() if issubclass(kind, error_class))


def problem_of(error: PlatformError, status: int) -> Problem:
    """Return the problem document of an error: expected, found and fix."""
    return Problem(
        type=f"urn:ferryman:error:{error.code}",
        title=error.code.replace("_", " ").capitalize(),
        status=status,
        detail=f"Expected {error.expected}; found {error.found}. {error.fix}",
        code=error.code,
        expected=error.expected,
        found=error.found,
        fix=error.fix,
    )


def answer(
    error: PlatformError, status: int | None = None, *, scheme: str = "Bearer"
) -> Response[bytes]:
    """Return an error as a response; ``scheme`` is the WWW-Authenticate scheme of a 401."""
    status = status or status_of(error)
    headers = {"Cache-Control": "no-store"} | ({"Retry-After": "1"} if status == 503 else {})
    if isinstance(error, RateLimited):
        headers["Retry-After"] = str(error.retry_after)
    if status == 401:
        headers["WWW-Authenticate"] = scheme
    return Response(
        msgspec.json.encode(problem_of(error, status)),
        status_code=status,
        media_type="application/problem+json",
        headers=headers,
    )


async def send_answer(error: PlatformError, send: Send) -> None:
    """Answer with an error below the framework, and close the connection."""
    response = answer(error)
    headers = {**response.headers, "content-type": "application/problem+json"}
    headers |= {"content-length": str(len(response.content)), "connection": "close"}
    raw = [(name.lower().encode(), str(value).encode()) for name, value in headers.items()]
    status = response.status_code or status_of(error)
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": response.content, "more_body": False})


def on_platform_error(_request: Request[Any, Any, Any], error: PlatformError) -> Response[bytes]:
    """Answer a refusal raised by the platform."""
    return answer(error)


def on_http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Answer a refusal raised by the framework: wrong path, method or form of the request."""
    handler = request.scope.get("route_handler")
    refusal = http_refusal(error, request.method, request.url.path, handler)
    return answer(refusal, error.status_code)


def http_refusal(
    error: HTTPException, method: str, path: str, handler: BaseRouteHandler | None = None
) -> Invalid:
    """Return a framework refusal as one of ours; ``handler`` gives parameters their wire names."""
    row = _HTTP.get(error.status_code, refusals.request.INVALID)
    found = error.detail if error.status_code == 400 else f"{method} {path}"
    return row(found=_detail(error, handler) or found)


def on_undecodable(_request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer JSON that is not UTF-8 or nested too deep, which the framework does not refuse."""
    deep = isinstance(error, RecursionError)
    found = "brackets nested too deeply" if deep else "bytes that are not UTF-8"
    return answer(refusals.request.INVALID(found=found))


def on_unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer a bug of ours: log it in full, and reveal nothing of it."""
    log.error("request.failed", method=request.method, path=request.url.path, exc_info=error)
    return answer(refusals.request.INTERNAL_ERROR())


def _detail(error: HTTPException, handler: BaseRouteHandler | None) -> str:
    extra = error.extra
    if isinstance(extra, list) and extra:
        return "; ".join(_named(item, handler) for item in extra if isinstance(item, dict))
    return error.detail if error.status_code == 400 else ""


def _named(item: dict[str, Any], handler: BaseRouteHandler | None) -> str:
    """Describe the fault of one parameter, by its name on the wire."""
    name, message = str(item.get("key", "")), str(item.get("message", ""))
    if message == repr(name) == "'data'":
        return "no body"
    if handler is not None and name in query_names(handler):
        words = query_values(handler, name)
        message += f", not one of {', '.join(words)}" if words else ""
        name = query_names(handler)[name]
    return f"{name}: {message}".strip(": ")


_HTTP = {
    404: refusals.request.PATH_NOT_FOUND,
    405: refusals.request.METHOD_NOT_ALLOWED,
    413: refusals.request.BODY_TOO_LARGE,
    415: refusals.request.MEDIA_TYPE_UNSUPPORTED,
}
