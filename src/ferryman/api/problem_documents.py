"""The problem document of a refusal (RFC 9457), and its HTTP status, by one table from the error.

No web framework is imported: the proxies of ``ferryman dev`` answer in this form as well.
"""

from ferryman import refusals
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
    """Return the HTTP status of a row; None for refusals outside of HTTP."""
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
