"""Sign in by an access token or a link that works once, and sign out."""

from typing import Annotated, Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from litestar.response import Redirect, Template

from ferryman.clock import wall_now
from ferryman.console.calls import AdminCalls, CallRefused
from ferryman.console.mount import PATH
from ferryman.console.session import LIFE, Sessions, SignInDesk
from ferryman.console.visit import (
    THEMES,
    ZONES,
    FormRefused,
    Visit,
    from_here,
    inner_page,
    origin_of,
    preferences,
    root_of,
)
from ferryman.wire.clock import ClockView
from ferryman.wire.console import SignInLink

_YEAR = 31_536_000
OWN_FOLDER = ""
"""The path of cookies: without one, browsers take the folder of the page, below any prefix."""

Next = Annotated[str, QueryParameter(name="next")]


@get("/sign-in")
async def sign_in_page(request: Request[Any, Any, Any], next_page: Next = "") -> Template:
    """Return the page that asks for a token, or leads to the identity provider."""
    return form(request, next_page)


@post("/sign-in", status_code=200)
async def sign_in(
    request: Request[Any, Any, Any],
    api: NamedDependency[Any],
    sessions: NamedDependency[Sessions],
    sign_ins: NamedDependency[SignInDesk],
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
    secret = await sign_ins.begin(token, origin_of(request))
    return await entered(sessions, secret, page, secure=secure)


@post("/links", status_code=200)
async def make_link(
    request: Request[Any, Any, Any],
    api: NamedDependency[Any],
    sign_ins: NamedDependency[SignInDesk],
) -> SignInLink:
    """Return a page whose link signs in the first person who opens it, with this call's token."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    calls = AdminCalls(api, request.scope, token if scheme.lower() == "bearer" else "")
    await calls.get("/clock", ClockView)
    return SignInLink(path=f"{PATH}/enter/{await sign_ins.make_link(token)}")


@get("/enter/{code:str}")
async def enter(request: Request[Any, Any, Any], code: FromPath[str]) -> Template:
    """Ask whether to sign in: what only looks at links, such as a chat, must not use one up."""
    shared = {"root": root_of(request), **preferences(request)}
    return Template("enter.html", context={**shared, "code": code})


@post("/enter", status_code=200)
async def take_link(
    request: Request[Any, Any, Any],
    sessions: NamedDependency[Sessions],
    sign_ins: NamedDependency[SignInDesk],
    secure: NamedDependency[bool],
) -> Response[Any]:
    """Begin the session that a link stands for."""
    if not from_here(request):
        raise FormRefused
    code = str((await request.form()).get("code", ""))
    secret = await sign_ins.take_link(code, origin_of(request))
    if secret is None:
        return form_answer(request, "", "The link was used or is too old. Sign in by a token.", 401)
    return await entered(sessions, secret, "", secure=secure)


@post("/sign-out", status_code=200)
async def sign_out(
    visit: NamedDependency[Visit],
    sessions: NamedDependency[Sessions],
    sign_ins: NamedDependency[SignInDesk],
) -> Redirect:
    """End the session, also where its cookie was copied to."""
    await sign_ins.end(visit.session.secret, origin_of(visit.request))
    answer = visit.to("sign-in")
    answer.set_cookie(key=await sessions.cookie_name(), value="", max_age=0, path=OWN_FOLDER)
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
                path=OWN_FOLDER,
                samesite="lax",
            )
    return answer


def form(request: Request[Any, Any, Any], page: str = "", fault: str = "") -> Template:
    """Return the form that asks for a token."""
    shared = {"root": root_of(request), **preferences(request)}
    own = {"next": inner_page(page), "fault": fault, "provider": request.app.state.provider_host}
    return Template("sign_in.html", context={**shared, **own})


def form_answer(
    request: Request[Any, Any, Any], page: str, fault: str, status: int = 400
) -> Response[Any]:
    """Return the form with its error."""
    template = form(request, page, fault)
    template.status_code = status
    return template


async def entered(sessions: Sessions, secret: str, page: str, *, secure: bool) -> Redirect:
    """Return the answer that gives a browser its session, and shows it a page."""
    answer = Redirect(f"./{page}", status_code=303)
    answer.set_cookie(
        key=await sessions.cookie_name(),
        value=await sessions.seal(secret, wall_now()),
        max_age=int(LIFE.total_seconds()),
        path=OWN_FOLDER,
        httponly=True,
        samesite="lax",
        secure=secure,
    )
    return answer
