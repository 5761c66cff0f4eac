"""Record refused calls, rate-limited so that nobody can flood the platform with them."""

from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any
from uuid import UUID

import structlog
from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException
from litestar.types import Scope

from ferryman import refusals
from ferryman.api.auth import authorization, caller_of
from ferryman.api.problems import http_refusal
from ferryman.api.throttle import AppThrottle
from ferryman.domain.rate import Rate
from ferryman.errors import RateLimited, RuleError
from ferryman.services import refused_call
from ferryman.services.platform import Platform

log = structlog.get_logger("ferryman.api")

_EACH = Rate(per_second=1, burst=30)
_STRANGERS = UUID(int=0)
"""The bucket shared by all callers without valid credentials."""

_IDS = ("transfer_id", "upload_id", "file_key", "s3_key")
_SURFACES = (
    *("/server/v1", "/app/migration/forge/v1", "/app/forge"),
    *("/rest/atlassian-connect/1", "/wiki/rest"),
)
_USUAL = {row.code for row in (refusals.key_value.KEY_NOT_FOUND, refusals.key_value.KEY_CONFLICT)}
"""Answers that an app expects, and that explain nothing."""


def tracer(platform: Platform) -> Callable[[Exception, Scope], Awaitable[None]]:
    """Return a hook that traces each error of a request before it is answered."""
    budget = AppThrottle(_EACH, monotonic)

    async def record(error: Exception, scope: Scope) -> None:
        refused = _refused(error, scope)
        if refused is None:
            return
        app = caller_of(scope)
        try:
            budget.admit(_STRANGERS if app is None else app.app_id)
            if app is not None:
                await refused_call.record_refusal(platform, app.app_id, refused)
            else:
                connection: ASGIConnection[Any, Any, Any, Any] = ASGIConnection(scope)
                await refused_call.record_stranger(platform, *authorization(connection), refused)
        except RateLimited:
            return
        except Exception as failure:  # noqa: BLE001 - the refusal is the answer, traced or not
            log.warning("refusal.untraced", code=refused.code, cause=type(failure).__name__)

    return record


def _refused(error: Exception, scope: Scope) -> refused_call.RefusedCall | None:
    template: str = scope.get("path_template") or ""
    if not template.startswith(_SURFACES):
        return None
    method = str(scope.get("method"))
    if isinstance(error, HTTPException):
        error = http_refusal(error, method, scope["path"])
    if not isinstance(error, RuleError) or error.code in _USUAL:
        return None
    values = scope.get("path_params") or {}
    named = next((str(values[name]) for name in _IDS if name in values), None)
    call = f"{method} {template}"
    return refused_call.RefusedCall(call, named, error.code, error.found, error.fix)
