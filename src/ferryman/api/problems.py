"""Refusals as RFC 9457 problem details: the one table from error to HTTP status."""

from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.status_codes import HTTP_500_INTERNAL_SERVER_ERROR

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
"""By class; the first that the error is an instance of."""

STATUS_OF_CODE = {
    "body_too_large": 413,
    "install_refused": 502,
    "install_unanswered": 504,
    "length_required": 411,
    "media_type_unsupported": 415,
    "range_not_satisfiable": 416,
    "signature_invalid": 403,
    "store_full": 507,
    "store_unsuitable": 501,
    "url_expired": 403,
}
"""Where HTTP has a status of its own for a code."""


def status_of(error: PlatformError) -> int:
    """The HTTP status of an error."""
    if error.code in STATUS_OF_CODE:
        return STATUS_OF_CODE[error.code]
    return next(status for kind, status in STATUS.items() if isinstance(error, kind))


def problem_of(error: PlatformError, status: int) -> Problem:
    """The document that says what was expected, what was found and what to do."""
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
    """An error as a response; ``scheme`` is what a 401 asks for."""
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


def on_platform_error(_request: Request[Any, Any, Any], error: PlatformError) -> Response[bytes]:
    """A refusal of ours."""
    return answer(error)


def on_http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """A refusal of the framework: wrong path, method, or form of the request."""
    refusal = http_refusal(error, request.method, request.url.path)
    return answer(refusal, error.status_code)


def http_refusal(error: HTTPException, method: str, path: str) -> Invalid:
    """A refusal of the framework in our own form."""
    code, expected, fix = _HTTP.get(
        error.status_code,
        ("request_invalid", "a request as the reference describes it", "See /docs."),
    )
    found = error.detail if error.status_code == 400 else f"{method} {path}"
    detail = _detail(error) or found
    return Invalid(code, expected=expected, found=detail[:500], fix=fix)


def on_undecodable(_request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """JSON that is no text, or nested deeper than the decoder goes: the framework lets both by."""
    deep = isinstance(error, RecursionError)
    return answer(
        Invalid(
            "request_invalid",
            expected="a body of the documented form",
            found="brackets within brackets without end" if deep else "bytes that are not UTF-8",
            fix=_HTTP[400][2],
        )
    )


def on_unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """A mistake of ours: logged in full, answered without a trace of it."""
    log.error("request.failed", method=request.method, path=request.url.path, exc_info=error)
    failure = OutsideError(
        "internal_error",
        expected="the platform to do what was asked",
        found="a mistake in the platform",
        fix="Try again; if it stays, report it with the time of this answer.",
    )
    return answer(failure, HTTP_500_INTERNAL_SERVER_ERROR)


def _detail(error: HTTPException) -> str:
    extra = error.extra
    if isinstance(extra, list) and extra:
        return "; ".join(_named(item) for item in extra if isinstance(item, dict))
    return error.detail if error.status_code == 400 else ""


def _named(item: dict[str, Any]) -> str:
    """What is wrong with one parameter, by its name on the wire."""
    name, message = str(item.get("key", "")), str(item.get("message", ""))
    if message == repr(name) == "'data'":
        return "no body"
    name = "pageSize" if name == "size" else name
    return f"{name}: {message}".strip(": ")


_HTTP = {
    400: (
        "request_invalid",
        "a body and parameters of the documented form",
        "Correct what is named; /docs shows the form.",
    ),
    404: ("path_not_found", "a path of this API", "See /docs for all paths; mind the base path."),
    405: ("method_not_allowed", "a method that this path has", "See /docs."),
    413: ("body_too_large", "a smaller body", "Send less at once; files go by signed URLs."),
    415: (
        "media_type_unsupported",
        "Content-Type: application/json",
        "Send the body as JSON and name it so.",
    ),
}
