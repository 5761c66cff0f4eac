"""Answer refused calls in the form that each of Forge's packages reads."""

from collections.abc import Callable
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from ferryman.api.problem_documents import status_of
from ferryman.api.problems import http_refusal
from ferryman.errors import PlatformError, RateLimited

_Asked = Request[Any, Any, Any]


def answers(problem: Callable[[PlatformError], msgspec.Struct]) -> ExceptionHandlersMap:
    """Return exception handlers that answer every refusal, the framework's too, by ``problem``."""

    def on_refused(_request: _Asked, error: PlatformError) -> Response[bytes]:
        return _answer(problem(error), status_of(error), retry_header(error))

    def on_http_refused(request: _Asked, error: HTTPException) -> Response[bytes]:
        refused = http_refusal(error, request.method, request.url.path)
        return _answer(problem(refused), error.status_code, {})

    return {PlatformError: on_refused, HTTPException: on_http_refused}


def retry_header(error: PlatformError) -> dict[str, str]:
    """Return when a call may be made again, for one of too many."""
    return {"Retry-After": str(error.retry_after)} if isinstance(error, RateLimited) else {}


def _answer(told: msgspec.Struct, status: int, headers: dict[str, str]) -> Response[bytes]:
    return Response(
        msgspec.json.encode(told),
        status_code=status,
        media_type="application/json",
        headers=headers,
    )
