"""Build the pages of the console."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Litestar, Request, Response
from litestar.datastructures import CacheControlHeader, State
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.template import TemplateConfig
from litestar.types import ASGIApp
from markupsafe import Markup

from ferryman.console.calls import CallRefused
from ferryman.console.charts import charts_of
from ferryman.console.drawing import drawn, drawn_bins, zoomed
from ferryman.console.faults import (
    HEADERS,
    on_form_refused,
    on_http_error,
    on_page_refused,
    on_platform_error,
    on_refused,
    on_sign_in_needed,
    on_undecodable,
    on_unexpected,
)
from ferryman.console.mount import PATH, Brand
from ferryman.console.oidc.flow import OIDC_HANDLERS
from ferryman.console.oidc.provider import IdentityProvider
from ferryman.console.oidc.settings import ProviderSettings
from ferryman.console.pace import Paced
from ferryman.console.pages import HANDLERS
from ferryman.console.part_sender import BrowserParts
from ferryman.console.session import Sessions, SignInDesk
from ferryman.console.shared import SHARED_HANDLERS
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
from ferryman.console.visit import FormRefused, PageRefused, SignInNeeded, visit_of
from ferryman.console.words import filters, plain
from ferryman.errors import PlatformError
from ferryman.ids import ephemeral_id
from ferryman.wire.overview import Charts


def create_pages(
    api: ASGIApp,
    sign_ins: SignInDesk,
    base_url: str,
    settings: ProviderSettings | None,
    brand: Brand,
    *,
    own_store: bool,
    delivers: bool,
    read_only: bool,
) -> ASGIApp:
    """Return the application of all pages, which makes its calls of ``api``."""
    sender = BrowserParts(own=own_store)
    provider = None if settings is None else IdentityProvider(settings)
    sessions, secure = Sessions(sign_ins.key), urlsplit(base_url).scheme == "https"

    async def visit(request: Request[Any, Any, Any]) -> Any:
        return await visit_of(request, api, sessions, read_only=read_only)

    pages = Litestar(
        path=PATH,
        route_handlers=[
            *HANDLERS,
            *OIDC_HANDLERS,
            *SHARED_HANDLERS,
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
            "brand": Provide(lambda: brand, sync_to_thread=False),
            "sender": Provide(lambda: sender, sync_to_thread=False),
            "provider": Provide(lambda: provider, sync_to_thread=False),
            "secure": Provide(lambda: secure, sync_to_thread=False),
            "visit": Provide(visit),
        },
        exception_handlers={
            SignInNeeded: on_sign_in_needed,
            FormRefused: on_form_refused,
            PageRefused: on_page_refused,
            CallRefused: on_refused,
            PlatformError: on_platform_error,
            HTTPException: on_http_error,
            RecursionError: on_undecodable,
            UnicodeDecodeError: on_undecodable,
            Exception: on_unexpected,
        },
        template_config=TemplateConfig(
            instance=JinjaTemplateEngine.from_environment(_environment(delivers=delivers))
        ),
        cache_control=CacheControlHeader(no_store=True),
        after_request=_harden,
        state=State({"provider_host": settings and urlsplit(settings.issuer).netloc}),
        openapi_config=None,
        request_max_body_size=2 << 20,
        logging_config=None,
        debug=False,
    )
    return Paced(cast("ASGIApp", pages))


def _environment(*, delivers: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader("ferryman.console"),
        autoescape=True,
        undefined=StrictUndefined,
        # All text that is not markup of ours: none may turn or hide what stands beside it.
        finalize=lambda value: plain(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
        # They are part of the package: each would be looked for on the disk with every page.
        auto_reload=False,
    )
    pictures = {"drawn": drawn, "drawn_bins": drawn_bins, "zoomed": zoomed}
    environment.filters.update(filters(), **pictures, drawn_charts=_chart_drawer(environment))
    environment.globals["static"] = versioned
    environment.globals["delivers"] = delivers
    environment.globals["new_form_key"] = ephemeral_id
    return environment


def _chart_drawer(environment: Environment) -> Callable[[Charts], Markup]:
    """Return the filter that draws charts, once for all pages that show the same numbers."""

    @lru_cache(maxsize=32)
    def drawn_once(numbers: bytes) -> Markup:
        charts = charts_of(msgspec.json.decode(numbers, type=Charts))
        # The template escapes what is in it.
        return Markup(environment.get_template("charts.html").render(charts=charts))  # noqa: S704

    return lambda charts: drawn_once(msgspec.json.encode(charts))


async def _harden(response: Response[Any]) -> Response[Any]:
    response.headers.update(HEADERS)
    return response
