"""The application: all surfaces, the health and key documents, and the object URLs."""

import asyncio
from importlib.metadata import version
from time import monotonic
from typing import Any

from litestar import Litestar, Request, get
from litestar.datastructures import CacheControlHeader
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException
from litestar.handlers import asgi
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import SwaggerRenderPlugin
from litestar.plugins.prometheus import PrometheusConfig

from ferryman.api.admin import admin_router
from ferryman.api.apps import install_key
from ferryman.api.auth import Credentials
from ferryman.api.call_log import CallLog
from ferryman.api.connect import connect_routers
from ferryman.api.forge import forge_router
from ferryman.api.health import healthz, readyz
from ferryman.api.metrics import get_metrics
from ferryman.api.objects import ObjectsApp
from ferryman.api.openapi import describe
from ferryman.api.problems import on_http_error, on_platform_error, on_undecodable, on_unexpected
from ferryman.api.request_log import RequestLog
from ferryman.api.server import server_router
from ferryman.api.strict import StrictRequest, check_request
from ferryman.api.throttle import Throttle
from ferryman.api.traces import tracer
from ferryman.domain.rate import Rate
from ferryman.errors import PlatformError
from ferryman.objects.local import LocalStore
from ferryman.services.health import HealthCheck
from ferryman.services.lifecycle import Lifecycle, Post
from ferryman.services.metrics import Scraper
from ferryman.services.platform import Platform
from ferryman.tokens import jwks


@get("/.well-known/jwks.json")
async def keys(credentials: NamedDependency[Credentials]) -> dict[str, Any]:
    """The public keys by which remotes check our tokens."""
    return jwks([credentials.key])


@get("/openapi.json")
async def openapi(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Every surface, as OpenAPI 3.1."""
    known: dict[str, Any] | None = request.app.state.get("openapi")
    if known is None:
        known = request.app.state["openapi"] = describe(request.app.openapi_schema.to_schema())
    return known


class Docs(SwaggerRenderPlugin):
    """The page to read it on."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The page."""
        return super().render(request, describe(openapi_schema))


def create_app(
    platform: Platform, credentials: Credentials, closing: asyncio.Event, send: Post
) -> Litestar:
    """The whole API over one platform; calls that wait end early once ``closing`` is set.

    By ``send`` the lifecycle calls of Connect apps leave.
    """
    lifecycle = Lifecycle(credentials.key, send)
    settings, health, scraper = platform.settings, HealthCheck(platform), Scraper(platform)
    throttle = Throttle(Rate(settings.rate_per_second, settings.rate_burst), monotonic)
    handlers: list[Any] = [
        forge_router(platform, credentials, throttle),
        *connect_routers(platform, credentials, throttle),
        server_router(platform, throttle),
        admin_router(credentials),
        healthz,
        readyz,
        keys,
        install_key,
        openapi,
        get_metrics,
    ]
    if isinstance(platform.objects, LocalStore):
        objects = ObjectsApp(platform.objects, platform.database.now)
        handlers.append(asgi("/objects", is_mount=True, copy_scope=True)(objects))
    api = Litestar(
        route_handlers=handlers,
        dependencies={
            "platform": Provide(lambda: platform, sync_to_thread=False),
            "credentials": Provide(lambda: credentials, sync_to_thread=False),
            "lifecycle": Provide(lambda: lifecycle, sync_to_thread=False),
            "health": Provide(lambda: health, sync_to_thread=False),
            "scraper": Provide(lambda: scraper, sync_to_thread=False),
            "closing": Provide(lambda: closing, sync_to_thread=False),
        },
        exception_handlers={
            PlatformError: on_platform_error,
            HTTPException: on_http_error,
            RecursionError: on_undecodable,
            UnicodeDecodeError: on_undecodable,
            Exception: on_unexpected,
        },
        after_exception=[tracer(platform)],
        middleware=[PrometheusConfig(app_name="ferryman", group_path=True).middleware],
        openapi_config=OpenAPIConfig(
            title="Ferryman",
            version=version("ferryman"),
            path="/docs",
            render_plugins=[Docs()],
            use_handler_docstrings=True,
        ),
        # Whatever is between: an old readiness, key or list is a wrong one.
        cache_control=CacheControlHeader(no_store=True),
        request_class=StrictRequest,
        before_request=check_request,
        request_max_body_size=settings.max_body_bytes,
        logging_config=None,
        debug=False,
    )
    if settings.clock == "virtual":
        api.asgi_handler = CallLog(api.asgi_handler, platform)
    # Around all of it, so that what no route takes is told of as well.
    api.asgi_handler = RequestLog(api.asgi_handler)
    return api
