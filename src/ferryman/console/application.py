"""Build the console: an application of its own, before the surfaces whose calls it makes."""

from typing import Any, cast
from urllib.parse import urlsplit

import structlog
from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Litestar, Request, Response
from litestar.datastructures import CacheControlHeader
from litestar.di import Provide
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Redirect, Template
from litestar.response.redirect import ASGIRedirectResponse
from litestar.template import TemplateConfig
from litestar.types import ASGIApp, Receive, Scope, Send

from ferryman.console.calls import OWNER, CallRefused
from ferryman.console.pages import HANDLERS
from ferryman.console.session import Sessions, SignInDesk
from ferryman.console.sign_in import (
    enter,
    keep_preferences,
    make_link,
    sign_in,
    sign_in_page,
    sign_out,
    take_link,
)
from ferryman.console.static_files import get_static, versioned
from ferryman.console.visit import (
    AS_ASKED,
    PATH,
    FormRefused,
    SignInNeeded,
    preferences,
    root_of,
    visit_of,
)
from ferryman.console.words import filters, plain

log = structlog.get_logger("ferryman.console")

_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; object-src 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-RequestOrigin-Opener-Policy": "same-origin",
}


_HTTP = {
    404: ("There is no such page", "Begin at the overview."),
    405: ("There is no such page", "Begin at the overview."),
    413: ("The form is too large", "Load larger files with `ferryman mapping load`."),
}
"""What is wrong and what to do, by the status of a request that no page took."""


class Console:
    """ASGI application for ``/console``; all other requests go to ``api``."""

    def __init__(self, api: ASGIApp, sign_ins: SignInDesk, base_url: str) -> None:
        self._api = api
        self._pages = _create_pages(api, sign_ins, base_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope.get("path", "")
        ours = scope["type"] == ScopeType.HTTP and (path == PATH or path.startswith(f"{PATH}/"))
        if not ours:
            await self._api(scope, receive, send)
            return
        own: Any = scope
        if path == PATH:
            # Links are relative, so the root is a folder.
            query = own["query_string"].decode("latin-1")
            answer = ASGIRedirectResponse(f"{PATH[1:]}/" + (f"?{query}" if query else ""))
            await answer(scope, receive, send)
            return
        own[OWNER] = own.get("litestar_app")
        own["state"] = {AS_ASKED: path}
        await self._pages(scope, receive, send)


def _create_pages(api: ASGIApp, sign_ins: SignInDesk, base_url: str) -> ASGIApp:
    sessions, secure = Sessions(sign_ins.key), urlsplit(base_url).scheme == "https"

    async def visit(request: Request[Any, Any, Any]) -> Any:
        return await visit_of(request, api, sessions)

    pages = Litestar(
        path=PATH,
        route_handlers=[
            *HANDLERS,
            sign_in_page,
            sign_in,
            make_link,
            enter,
            take_link,
            sign_out,
            keep_preferences,
            get_static,
        ],
        dependencies={
            "api": Provide(lambda: api, sync_to_thread=False),
            "sessions": Provide(lambda: sessions, sync_to_thread=False),
            "sign_ins": Provide(lambda: sign_ins, sync_to_thread=False),
            "secure": Provide(lambda: secure, sync_to_thread=False),
            "visit": Provide(visit),
        },
        exception_handlers={
            SignInNeeded: _on_sign_in_needed,
            FormRefused: _on_form_refused,
            CallRefused: _on_refused,
            HTTPException: _on_http_error,
            Exception: _on_unexpected,
        },
        template_config=TemplateConfig(
            instance=JinjaTemplateEngine.from_environment(_environment())
        ),
        cache_control=CacheControlHeader(no_store=True),
        after_request=_harden,
        openapi_config=None,
        request_max_body_size=2 << 20,
        logging_config=None,
        debug=False,
    )
    return cast("ASGIApp", pages)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("ferryman.console"),
        autoescape=True,
        undefined=StrictUndefined,
        # All text that is not markup of ours: none may turn or hide what stands beside it.
        finalize=lambda value: plain(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters())
    environment.globals["static"] = versioned
    return environment


async def _harden(response: Response[Any]) -> Response[Any]:
    response.headers.update(_HEADERS)
    return response


def _on_sign_in_needed(request: Request[Any, Any, Any], error: SignInNeeded) -> Response[Any]:
    from urllib.parse import quote

    page = f"?next={quote(error.page, safe='')}" if error.page else ""
    link = f"{root_of(request)}sign-in{page}"
    if request.headers.get("hx-request"):
        return Response(b"", status_code=401, headers={"HX-Redirect": link})
    return Redirect(link, status_code=303)


def _on_form_refused(request: Request[Any, Any, Any], _error: FormRefused) -> Response[Any]:
    return _fault(
        request,
        status=403,
        title="This form was not sent from a page of your session",
        found="a form without the session's mark",
        fix="Open the page again and repeat what you did.",
    )


def _on_refused(request: Request[Any, Any, Any], error: CallRefused) -> Response[Any]:
    problem = error.problem
    if problem.status == 401:
        if request.headers.get("authorization"):
            return Response(problem, status_code=401, media_type="application/problem+json")
        return _on_sign_in_needed(request, SignInNeeded(""))
    return _fault(
        request,
        status=problem.status,
        title=problem.title,
        expected=problem.expected,
        found=problem.found,
        fix=problem.fix,
        code=problem.code,
    )


def _on_http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    if error.status_code >= 500:
        return _on_unexpected(request, error)
    title, fix = _HTTP.get(error.status_code, ("The request was not understood", "Go back."))
    asked = f"{request.method} {request.url.path}"
    return _fault(
        request,
        status=error.status_code,
        title=title,
        found=error.detail if error.status_code == 400 else asked,
        fix=fix,
    )


def _on_unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    log.error("page.failed", method=request.method, path=request.url.path, exc_info=error)
    return _fault(
        request,
        status=500,
        title="The page could not be made",
        found="a fault of the platform",
        fix="The platform's log has it. Try again.",
    )


def _fault(request: Request[Any, Any, Any], *, status: int, **facts: str) -> Response[Any]:
    shared = {"root": root_of(request), **preferences(request)}
    known = {"expected": "", "code": "", **facts}
    answer = Template(
        "fault.html", context={**shared, **known, "status": status}, status_code=status
    )
    answer.headers.update(_HEADERS)
    return answer
