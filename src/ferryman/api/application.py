"""Build the application: every surface, the health and key documents, and the object URLs."""

import asyncio
from functools import partial
from importlib.metadata import version
from time import monotonic
from typing import TYPE_CHECKING, Any

from litestar import Litestar, Request, get
from litestar.datastructures import CacheControlHeader
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin

from ferryman import refusals
from ferryman.api import concurrency_limit
from ferryman.api.admin import admin_router
from ferryman.api.admin_auth import Authenticator
from ferryman.api.app import install_key
from ferryman.api.app_object import object_url_router
from ferryman.api.auth import Credentials
from ferryman.api.call_log import CallLog
from ferryman.api.claim_poll import ClaimPoll
from ferryman.api.connect import connect_routers
from ferryman.api.crowded_claims import CrowdedClaims
from ferryman.api.forge import forge_router
from ferryman.api.forge_service import forge_service_router
from ferryman.api.function_gate import FunctionGate
from ferryman.api.head_requests import HeadAsGet
from ferryman.api.health import healthz, readyz
from ferryman.api.hot_calls import HotCalls
from ferryman.api.metrics import get_metrics
from ferryman.api.migration_link import shared_router
from ferryman.api.objects import ObjectsApp
from ferryman.api.openapi import describe
from ferryman.api.problems import on_http_error, on_platform_error, on_undecodable, on_unexpected
from ferryman.api.reference import ReferencePage
from ferryman.api.refused_call import tracer
from ferryman.api.request_log import RequestLog
from ferryman.api.server import server_router
from ferryman.api.shared_metrics import SharedMetrics
from ferryman.api.stall_guard import StallGuard
from ferryman.api.strict import StrictRequest, check_request
from ferryman.api.throttle import AppThrottle
from ferryman.api.token_lookup import TokenLookup
from ferryman.api.wrong_tokens import WrongTokens
from ferryman.console.application import Console
from ferryman.console.mount import Brand
from ferryman.console.oidc.settings import ProviderSettings
from ferryman.domain.limits import QUEUE_EVENTS
from ferryman.domain.rate import Rate
from ferryman.errors import PlatformError
from ferryman.objects.local import LocalStore
from ferryman.services import access_token as access_token_service
from ferryman.services.console import SignIns
from ferryman.services.event_hub import EventHub
from ferryman.services.health import HealthCheck
from ferryman.services.lifecycle import Lifecycle, Post
from ferryman.services.metrics import Scraper
from ferryman.services.platform import Platform
from ferryman.tokens import jwks

if TYPE_CHECKING:
    from ferryman.config import Settings


class _Application(Litestar):
    """Litestar without its plugins for models of pydantic and attrs, which no handler has.

    Importing them would take a sixth of the time in which the application is built.
    """

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        return [*plugins, MsgspecDIPlugin()]


@get("/.well-known/jwks.json")
async def keys(credentials: NamedDependency[Credentials]) -> dict[str, Any]:
    """Return the public keys with which remotes verify the platform's tokens, as a JWK set."""
    await credentials.keys.refresh()
    return jwks(credentials.keys.keys)


@get("/openapi.json")
async def openapi(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of every surface."""
    document: dict[str, Any] | None = request.app.state.get("openapi")
    if document is None:
        document = request.app.state["openapi"] = describe(request.app.openapi_schema.to_schema())
    return document


def provider_settings(settings: "Settings") -> ProviderSettings | None:
    """Return the settings of the identity provider; None if people sign in only by tokens."""
    if settings.oidc_issuer is None or settings.oidc_client_id is None:
        return None
    return ProviderSettings(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret,
        scopes=settings.oidc_scopes,
        claim=settings.oidc_claim,
        roles=settings.oidc_roles,
        base_url=settings.base_url,
    )


def create_app(
    platform: Platform,
    credentials: Credentials,
    closing: asyncio.Event,
    send: Post,
    shared: SharedMetrics | None = None,
) -> Litestar:
    """Return the whole API of one platform; long polls end early once ``closing`` is set.

    ``send`` posts the lifecycle calls of Connect apps. With several API processes, ``shared`` has
    the metrics of all, and each process grants its share of every rate limit.
    """
    lifecycle, poll = Lifecycle(credentials.keys, send), ClaimPoll(platform, closing)
    settings, health, scraper = platform.settings, HealthCheck(platform), Scraper(platform)
    share = settings.api_processes or 1
    rate = Rate(settings.rate_per_second, settings.rate_burst)
    throttle = AppThrottle(rate, monotonic, share=share)
    authenticator, hub = Authenticator(platform, credentials), EventHub(platform, closing)
    readers = concurrency_limit.readers(share)
    log_rate = Rate(settings.log_bytes_per_second, 60 * settings.log_bytes_per_second)
    logs = AppThrottle(log_rate, monotonic, refusals.access.LOG_RATE_LIMITED, share=share)
    per_minute = settings.queue_events_per_minute
    push_rate = AppThrottle(
        Rate(per_minute / 60, per_minute),
        monotonic,
        refusals.queue.RATE_LIMITED,
        # The share of each process has to be enough for a whole push.
        share=max(1, min(share, per_minute // QUEUE_EVENTS)),
    )
    handlers: list[Any] = [
        forge_router(platform, credentials, throttle),
        forge_service_router(platform, credentials, throttle),
        object_url_router(),
        *connect_routers(platform, credentials, throttle),
        server_router(platform, throttle),
        admin_router(authenticator),
        shared_router(),
        healthz,
        readyz,
        keys,
        install_key,
        openapi,
        get_metrics,
    ]
    api = _Application(
        route_handlers=handlers,
        dependencies={
            "platform": Provide(lambda: platform, sync_to_thread=False),
            "credentials": Provide(lambda: credentials, sync_to_thread=False),
            "authenticator": Provide(lambda: authenticator, sync_to_thread=False),
            "lifecycle": Provide(lambda: lifecycle, sync_to_thread=False),
            "health": Provide(lambda: health, sync_to_thread=False),
            "scraper": Provide(lambda: scraper, sync_to_thread=False),
            "shared": Provide(lambda: shared, sync_to_thread=False),
            "closing": Provide(lambda: closing, sync_to_thread=False),
            "log_throttle": Provide(lambda: logs, sync_to_thread=False),
            "push_rate": Provide(lambda: push_rate, sync_to_thread=False),
            "readers": Provide(lambda: readers, sync_to_thread=False),
            "event_hub": Provide(lambda: hub, sync_to_thread=False),
            "claim_poll": Provide(lambda: poll, sync_to_thread=False),
        },
        exception_handlers={
            PlatformError: on_platform_error,
            HTTPException: on_http_error,
            RecursionError: on_undecodable,
            UnicodeDecodeError: on_undecodable,
            Exception: on_unexpected,
        },
        after_exception=[tracer(platform)],
        openapi_config=OpenAPIConfig(
            title="Ferryman",
            version=version("ferryman"),
            openapi_router=ReferencePage.router(),
            render_plugins=[ReferencePage()],
            use_handler_docstrings=True,
        ),
        # Never cached by a proxy: a stale readiness, key or list is wrong.
        cache_control=CacheControlHeader(no_store=True),
        request_class=StrictRequest,
        before_request=check_request,
        request_max_body_size=settings.max_body_bytes,
        logging_config=None,
        debug=False,
    )
    api.asgi_handler = HotCalls(api.asgi_handler, platform, credentials, throttle)
    api.asgi_handler = CrowdedClaims(api.asgi_handler, platform, throttle, poll)
    if settings.clock == "virtual":
        api.asgi_handler = CallLog(api.asgi_handler, platform)
    lookup = TokenLookup(credentials.operator_token, partial(access_token_service.known, platform))
    api.asgi_handler = WrongTokens(
        api.asgi_handler, platform.metrics, monotonic, lookup.knows, share
    )
    if isinstance(platform.objects, LocalStore):
        api.asgi_handler = ObjectsApp(
            platform.objects, platform.database.now, api.asgi_handler, readers, share
        )
    sign_ins = SignIns(platform, credentials.operator_token)
    provider = provider_settings(settings)
    brand = Brand(settings.brand_name, settings.brand_color, settings.brand_logo)
    api.asgi_handler = Console(
        api.asgi_handler,
        sign_ins,
        settings.base_url,
        provider,
        brand,
        own_store=isinstance(platform.objects, LocalStore),
        delivers=not settings.no_delivery,
        read_only=settings.console_read_only,
    )
    api.asgi_handler = FunctionGate(api.asgi_handler)
    api.asgi_handler = StallGuard(api.asgi_handler, settings.stall_seconds)
    api.asgi_handler = HeadAsGet(api.asgi_handler)
    # Outermost, so that requests without a route are logged too.
    api.asgi_handler = RequestLog(api.asgi_handler, settings.log_sample)
    return api
