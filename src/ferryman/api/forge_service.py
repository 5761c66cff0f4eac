"""The services of Forge that functions reach through their own npm packages (ADR 87)."""

from litestar.di import Provide

from ferryman.api.app_object import app_object_router
from ferryman.api.auth import Credentials, caller, cloud_app_guard
from ferryman.api.key_value import key_value_router
from ferryman.api.legacy_storage import legacy_storage_router
from ferryman.api.queue import queue_router
from ferryman.api.router import Router
from ferryman.api.sql import sql_router
from ferryman.api.throttle import AppThrottle
from ferryman.services.platform import Platform

BODY_BYTES = 6 << 20
"""More than any call may have, so that one that is too large learns the limit of its kind."""


def forge_service_router(
    platform: Platform, credentials: Credentials, throttle: AppThrottle
) -> Router:
    """Return the router for holders of a token that came with an event.

    It is not in the OpenAPI document: the packages define these calls, not we.
    """
    return Router(
        path="/app/forge",
        guards=[cloud_app_guard(platform, credentials, throttle)],
        dependencies={"caller": Provide(caller, sync_to_thread=False)},
        request_max_body_size=BODY_BYTES,
        include_in_schema=False,
        route_handlers=[
            *(key_value_router(), legacy_storage_router(), queue_router(), sql_router()),
            app_object_router(),
        ],
    )
