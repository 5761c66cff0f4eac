"""Answer every refusal, the framework's too, with its problem document."""

from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from litestar.types import Send

from ferryman import refusals
from ferryman.api.parameters import query_names, query_values
from ferryman.api.problem_documents import problem_of, status_of
from ferryman.errors import Invalid, PlatformError, RateLimited

log = structlog.get_logger("ferryman.api")


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
    """Convert a refusal of the framework into one of ours.

    ``handler`` gives the parameters their names on the wire.
    """
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
