"""Sign in by an access token or a link that works once, and sign out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from litestar.response import Redirect, Template

from ferryman.clock import wall_now
from ferryman.console.calls import AdminCalls, CallRefused
from ferryman.console.session import LIFE, Sessions
from ferryman.console.visit import (
    PATH,
    THEMES,
    ZONES,
    FormRefused,
    Visit,
    from_here,
    inner_page,
    preferences,
    root_of,
)
from ferryman.ids import new_token
from ferryman.wire.clock import ClockView
from ferryman.wire.console import SignInLink

_LINK_LIFE = timedelta(minutes=30)
_LINKS = 100
_YEAR = 31_536_000
_OWN_FOLDER = ""
"""The path of cookies: without one, browsers take the folder of the page, below any prefix."""

Next = Annotated[str, QueryParameter(name="next")]


@dataclass(slots=True)
class Links:
    """Links that sign somebody in once, kept in this process alone."""

    now: Callable[[], datetime] = wall_now
    _tokens: dict[str, tuple[str, datetime]] = field(default_factory=dict)

    def make(self, token: str) -> str:
        """Return the code of a new link for a token; the oldest make room."""
        while len(self._tokens) >= _LINKS:
            del self._tokens[next(iter(self._tokens))]
        code = new_token("link")
        self._tokens[code] = token, self.now() + _LINK_LIFE
        return code

    def take(self, code: str) -> str | None:
        """Return the token of a code, which then works no more."""
        token, until = self._tokens.pop(code, (None, self.now()))
        return token if until > self.now() else None


@get("/sign-in")
async def sign_in_page(request: Request[Any, Any, Any], next_page: Next = "") -> Template:
    """Return the form that asks for a token."""
    return form(request, next_page)


@post("/sign-in", status_code=200)
async def sign_in(
    request: Request[Any, Any, Any],
    api: NamedDependency[Any],
    sessions: NamedDependency[Sessions],
    secure: NamedDependency[bool],
) -> Response[Any]:
    """Begin a session of a token that the admin surface accepts."""
    if not from_here(request):
        raise FormRefused
    sent = await request.form()
    token, page = str(sent.get("token", "")).strip(), inner_page(str(sent.get("next", "")))
    if not token or not token.isascii() or not token.isprintable():
        return form_answer(request, page, "Enter an access token, such as fm_viewer_….")
    try:
        await AdminCalls(api, request.scope, token).get("/clock", ClockView)
    except CallRefused as refused:
        return form_answer(request, page, refused.problem.fix, refused.problem.status)
    return await _entered(sessions, token, page, secure=secure)


@post("/links", status_code=200)
async def make_link(
    request: Request[Any, Any, Any], api: NamedDependency[Any], links: NamedDependency[Links]
) -> SignInLink:
    """Return a page that signs in whoever opens it first, with the token of this call."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    calls = AdminCalls(api, request.scope, token if scheme.lower() == "bearer" else "")
    await calls.get("/clock", ClockView)
    return SignInLink(path=f"{PATH}/enter/{links.make(token)}")


@get("/enter/{code:str}")
async def enter(request: Request[Any, Any, Any], code: FromPath[str]) -> Template:
    """Ask whether to sign in: what only looks at links, such as a chat, must not use one up."""
    shared = {"root": root_of(request), **preferences(request)}
    return Template("enter.html", context={**shared, "code": code})


@post("/enter", status_code=200)
async def take_link(
    request: Request[Any, Any, Any],
    sessions: NamedDependency[Sessions],
    links: NamedDependency[Links],
    secure: NamedDependency[bool],
) -> Response[Any]:
    """Begin the session that a link stands for."""
    if not from_here(request):
        raise FormRefused
    token = links.take(str((await request.form()).get("code", "")))
    if token is None:
        return form_answer(request, "", "The link was used or is too old. Sign in by a token.", 401)
    return await _entered(sessions, token, "", secure=secure)


@post("/sign-out", status_code=200)
async def sign_out(visit: NamedDependency[Visit], sessions: NamedDependency[Sessions]) -> Redirect:
    """End the session in this browser."""
    answer = visit.to("sign-in")
    answer.set_cookie(key=await sessions.cookie_name(), value="", max_age=0, path=_OWN_FOLDER)
    return answer


@post("/preferences", status_code=200)
async def keep_preferences(request: Request[Any, Any, Any]) -> Redirect:
    """Keep theme and time zone in the browser; they belong to no session."""
    sent = await request.form()
    answer = Redirect(f"./{inner_page(str(sent.get('page', '')))}", status_code=303)
    for name, values in (("theme", THEMES), ("zone", ZONES)):
        value = str(sent.get(name, ""))
        if value in values:
            answer.set_cookie(
                key=f"ferryman_{name}",
                value=value,
                max_age=_YEAR,
                path=_OWN_FOLDER,
                samesite="lax",
            )
    return answer


def form(request: Request[Any, Any, Any], page: str = "", fault: str = "") -> Template:
    """Return the form that asks for a token."""
    shared = {"root": root_of(request), **preferences(request)}
    return Template("sign_in.html", context={**shared, "next": inner_page(page), "fault": fault})


def form_answer(
    request: Request[Any, Any, Any], page: str, fault: str, status: int = 400
) -> Response[Any]:
    """Return the form with what was wrong."""
    template = form(request, page, fault)
    template.status_code = status
    return template


async def _entered(sessions: Sessions, token: str, page: str, *, secure: bool) -> Redirect:
    answer = Redirect(f"./{page}", status_code=303)
    answer.set_cookie(
        key=await sessions.cookie_name(),
        value=await sessions.seal(token, wall_now()),
        max_age=int(LIFE.total_seconds()),
        path=_OWN_FOLDER,
        httponly=True,
        samesite="lax",
        secure=secure,
    )
    return answer
