"""Answer a browser that cannot have its page: one page that says why, and what to do."""

from typing import Any
from urllib.parse import quote

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.response import Redirect, Template

from ferryman.console.calls import CallRefused
from ferryman.console.visit import FormRefused, PageRefused, SignInNeeded, preferences, root_of
from ferryman.errors import Expired, Invalid, NotAllowed, NotAuthenticated, PlatformError

log = structlog.get_logger("ferryman.console")

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; object-src 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


_HTTP = {
    404: ("There is no such page", "Begin at the overview."),
    405: ("There is no such page", "Begin at the overview."),
    413: ("The form is too large", "Load larger files with `ferryman mapping load`."),
}
"""Problem and next step, by the status of a request that no page took."""


_OF_LINKS = {
    "link_invalid": "This link opens nothing",
    "link_ended": "This link opens nothing",
    "link_without_report": "This link opens no report",
}
"""Problems with the link of a person who has no account."""


def on_sign_in_needed(request: Request[Any, Any, Any], error: SignInNeeded) -> Response[Any]:
    page = f"?next={quote(error.page, safe='')}" if error.page else ""
    link = f"{root_of(request)}sign-in{page}"
    if request.headers.get("hx-request"):
        return Response(b"", status_code=401, headers={"HX-Redirect": link})
    return Redirect(link, status_code=303)


def on_form_refused(request: Request[Any, Any, Any], _error: FormRefused) -> Response[Any]:
    return _fault(
        request,
        status=403,
        title="This form was not sent from a page of your session",
        found="a form without the session's mark",
        fix="Open the page again and repeat what you did.",
    )


def on_refused(request: Request[Any, Any, Any], error: CallRefused) -> Response[Any]:
    problem = error.problem
    if problem.code in _OF_LINKS:
        return _fault(
            request,
            status=problem.status,
            title=_OF_LINKS[problem.code],
            found=problem.found,
            fix=problem.fix,
            next_name="",
        )
    if problem.status == 401:
        if request.headers.get("authorization"):
            return Response(problem, status_code=401, media_type="application/problem+json")
        return on_sign_in_needed(request, SignInNeeded(""))
    return _fault(
        request,
        status=problem.status,
        title=problem.title,
        expected=problem.expected,
        found=problem.found,
        fix=problem.fix,
        code=problem.code,
    )


def on_page_refused(request: Request[Any, Any, Any], refused: PageRefused) -> Response[Any]:
    error = refused.error
    return _fault(
        request,
        status=403,
        title=error.code.replace("_", " ").capitalize(),
        expected=error.expected,
        found=error.found,
        fix=error.fix,
        code=error.code,
    )


_STATUS: dict[type[PlatformError], int] = {
    Invalid: 400,
    NotAuthenticated: 401,
    NotAllowed: 403,
    Expired: 410,
}


def on_platform_error(request: Request[Any, Any, Any], error: PlatformError) -> Response[Any]:
    """Show a page that says why the sign-in failed."""
    return _fault(
        request,
        status=_STATUS.get(type(error), 503),
        title="You are not signed in",
        expected=error.expected,
        found=error.found,
        fix=error.fix,
        code=error.code,
        next_link="sign-in",
        next_name="Sign in",
    )


def on_http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    if error.status_code >= 500:
        return on_unexpected(request, error)
    title, fix = _HTTP.get(error.status_code, ("The request was not understood", "Go back."))
    asked = f"{request.method} {request.url.path}"
    return _fault(
        request,
        status=error.status_code,
        title=title,
        found=error.detail if error.status_code == 400 else asked,
        fix=fix,
    )


def on_undecodable(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Answer a form that is not UTF-8, or JSON in it that is nested too deep."""
    deep = isinstance(error, RecursionError)
    return _fault(
        request,
        status=400,
        title="The request was not understood",
        found="brackets nested too deeply" if deep else "bytes that are not UTF-8",
        fix="Go back.",
    )


def on_unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    # Not the path: that of a link holds what opens it.
    route = request.scope.get("path_template")
    log.error("page.failed", method=request.method, route=route, exc_info=error)
    return _fault(
        request,
        status=500,
        title="The page could not be made",
        found="a fault of the platform",
        fix="The platform's log has it. Try again.",
    )


def _fault(request: Request[Any, Any, Any], *, status: int, **facts: str) -> Response[Any]:
    shared = {"root": root_of(request), **preferences(request)}
    known = {"expected": "", "code": "", "next_link": "", "next_name": "Overview", **facts}
    answer = Template(
        "fault.html", context={**shared, **known, "status": status}, status_code=status
    )
    answer.headers.update(HEADERS)
    return answer
