"""A request for a page: its session and rights, and how pages link to each other."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any

from litestar import Request
from litestar.response import Redirect, Template

from ferryman.clock import wall_now
from ferryman.console.calls import ACTOR, AdminCalls
from ferryman.console.mount import AS_ASKED, PATH
from ferryman.console.session import ConsoleSession, Sessions
from ferryman.domain.access import Actor, RequestOrigin, check
from ferryman.errors import NotAllowed
from ferryman.wire.clock import ClockView

THEMES = ("auto", "light", "dark")
ZONES = ("utc", "local", "relative")

_COUNT_AGE = 60

_NEXT = re.compile(r"(?!(.*/)?\.+(/|\?|$))[\w.~-]+(/[\w.~-]+)*(\?[\w.~%&=+:@-]*)?", re.ASCII)
"""A page of the console, as a link from the console's root: never another site, nor a folder above.
"""


class SignInNeeded(Exception):
    """Nobody is signed in; ``page`` is where they wanted to go."""

    def __init__(self, page: str) -> None:
        super().__init__(page)
        self.page = page


class PageRefused(Exception):
    """A page that is there for a call which would be refused; ``error`` says why."""

    def __init__(self, error: NotAllowed) -> None:
        super().__init__(error.code)
        self.error = error


class FormRefused(Exception):
    """A form that was not sent by a page of this session."""


def root_of(request: Request[Any, Any, Any]) -> str:
    """Return the relative link from a page to the console's root, which any path prefix keeps.

    Pages link by relative links only, so they work below a prefix that a proxy takes off.
    """
    path: str = request.scope["state"][AS_ASKED]
    return "../" * (path.removeprefix(PATH).count("/") - 1) or "./"


def inner_page(text: str) -> str:
    """Return a page to go to after signing in; the first page for anything else."""
    return text if _NEXT.fullmatch(text) else ""


def cookie_of(request: Request[Any, Any, Any], name: str) -> str | None:
    """Return a cookie of a request."""
    try:
        found = SimpleCookie(request.headers.get("cookie", "")).get(name)
    except CookieError:
        return None
    return None if found is None else found.value


@dataclass(frozen=True, slots=True)
class Visit:
    """A request for a page by a person who is signed in."""

    request: Request[Any, Any, Any]
    session: ConsoleSession
    calls: AdminCalls
    form: Mapping[str, Any] = field(default_factory=dict)

    @property
    def actor(self) -> Actor | None:
        """Return who is signed in, once a call was answered."""
        found: Actor | None = self.request.scope["state"].get(ACTOR)
        return found

    @property
    def root(self) -> str:
        """Return the relative link to the console's root."""
        return root_of(self.request)

    @property
    def asks_again(self) -> bool:
        """Return whether a page that is open asks for what changed."""
        return self.request.headers.get("x-requested-with") == "console"

    @property
    def count_age(self) -> int:
        """Return how old great counts may be, in seconds: many open pages share them."""
        return _COUNT_AGE if self.asks_again else 0

    @property
    def wants_list_alone(self) -> bool:
        """Return whether a page takes nothing but its list from the answer, and keeps the rest."""
        headers = self.request.headers
        filtered = "hx-request" in headers and "hx-history-restore-request" not in headers
        return self.asks_again or filtered

    def may(self, operation: str) -> bool:
        """Return whether a call would be allowed, so that a page offers no refused action."""
        try:
            self.require(operation)
        except PageRefused:
            return False
        return self.actor is not None

    def require(self, operation: str) -> None:
        """Refuse the page if a call would be refused, once it is known who is signed in."""
        if self.actor is None:
            return
        try:
            check(self.actor, operation)
        except NotAllowed as error:
            raise PageRefused(error) from None

    async def page(self, template: str, section: str, **context: Any) -> Template:
        """Return a page with what all pages show; ``clock`` may be given, to ask but once."""
        if "clock" not in context:
            context["clock"] = await self.calls.get("/clock", ClockView)
        clock: ClockView = context["clock"]
        request = self.request
        shared = {
            "root": self.root,
            "section": section,
            "actor": self.actor,
            "may": self.may,
            "csrf": self.session.csrf,
            "clock": clock,
            "now": clock.now,
            "query": request.query_params,
            "here": here(request),
            **preferences(request),
        }
        return Template(template, context={**shared, **context})

    def to(self, page: str) -> Redirect:
        """Return a redirect to another page, named from the console's root."""
        return Redirect(f"{self.root}{page}", status_code=303)


def here(request: Request[Any, Any, Any]) -> str:
    """Return the link of a request's page from the console's root, with its query."""
    query = request.scope["query_string"].decode("latin-1")
    path = request.url.path.removeprefix(PATH).strip("/")
    return f"{path}?{query}" if query else path


def preferences(request: Request[Any, Any, Any]) -> dict[str, str]:
    """Return how a person wants pages to look, as their browser keeps it."""
    theme, zone = cookie_of(request, "ferryman_theme"), cookie_of(request, "ferryman_zone")
    return {
        "theme": theme if theme in THEMES else THEMES[0],
        "zone": zone if zone in ZONES else ZONES[0],
    }


async def visit_of(
    request: Request[Any, Any, Any], api: Any, sessions: Sessions, *, read_only: bool
) -> Visit:
    """Return the visit of a request; raise :class:`SignInNeeded` without a session.

    A request that changes something must be a form of a page of the same session.
    """
    cookie = cookie_of(request, await sessions.cookie_name())
    session = await sessions.open(cookie, wall_now())
    if session is None:
        raise SignInNeeded(here(request) if request.method == "GET" else "")
    form: Mapping[str, Any] = {}
    if request.method != "GET":
        form = await request.form()
        if not from_here(request) or not session.accepts(str(form.get("csrf", ""))):
            raise FormRefused
    calls = AdminCalls(api, request.scope, session.secret, read_only=read_only)
    return Visit(request, session, calls, form)


def origin_of(request: Request[Any, Any, Any]) -> RequestOrigin:
    """Return where a request comes from, for the audit log."""
    client = request.client
    request_id: Any = request.scope.get("ferryman.request")
    return RequestOrigin(address=None if client is None else client.host, request=request_id)


def from_here(request: Request[Any, Any, Any]) -> bool:
    """Return whether no other site sent a request; browsers that cannot say so are believed."""
    return request.headers.get("sec-fetch-site", "none") in ("same-origin", "none")
