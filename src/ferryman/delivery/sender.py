"""Send one message to a cloud app, through every route that leads to it."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, assert_never

import structlog

from ferryman import tracing
from ferryman.clock import wall_now
from ferryman.delivery.arguments import (
    event_of,
    forge_app_id_of,
    installation_id_of,
    site_ari,
    site_of,
)
from ferryman.delivery.remote import RemoteSender
from ferryman.delivery.resolver import OWNER
from ferryman.delivery.webhook import post_webhook
from ferryman.domain.outcome import Outcome
from ferryman.functions.call import FunctionCall
from ferryman.functions.manifest import parse_manifest
from ferryman.functions.manifest_model import Manifest
from ferryman.functions.pool import FunctionPool
from ferryman.functions.routes import FunctionRoute, RemoteRoute, Route, WebhookRoute
from ferryman.functions.sandbox.access import Access, access
from ferryman.functions.source import app_variables
from ferryman.ids import derived_id
from ferryman.services.delivery import Delivery
from ferryman.services.key_ring import KeyRing
from ferryman.services.platform import Platform
from ferryman.services.routing import client_key
from ferryman.store.app import AppRow
from ferryman.tokens import bare_app_id, invocation_token, system_token

log = structlog.get_logger("ferryman.functions")

_TOKENS_KEPT = timedelta(minutes=1)
"""Tokens are valid for longer; signing one per event would cost more than sending the event."""

_TOKENS = 10_000


class NoPlaceError(Exception):
    """No place to run a function came free in time; nothing was sent."""


class Sender:
    """Makes attempts; ``environ`` supplies the variables that apps declare."""

    def __init__(
        self,
        platform: Platform,
        keys: KeyRing,
        *,
        functions: FunctionPool,
        remotes: RemoteSender,
        environ: dict[str, str],
    ) -> None:
        self._platform = platform
        self._keys = keys
        self._functions = functions
        self._remotes = remotes
        self._environ = environ
        self._tokens: dict[tuple[Any, ...], tuple[datetime, str, str]] = {}

    async def send(
        self,
        delivery: Delivery,
        until: float = math.inf,
        begun: Callable[[], None] = lambda: None,
    ) -> tuple[tuple[Route, Outcome], ...]:
        """Return the outcome for each route; ``begun`` is called when a function is called.

        After ``until``, in seconds of the loop's clock, another worker may have taken the message
        over, so no function call is started any more: raises :class:`NoPlaceError` before anything
        is sent.
        """
        message = delivery.message
        await self._keys.refresh()
        OWNER.set(str(delivery.app.app_id))
        name = f"deliver {message.lane.event_type}"
        facts = {"ferryman.message": str(message.message_id), "ferryman.attempt": message.number}
        with tracing.span(name, message.trace, "client", **facts) as span:
            async with self._places(delivery, until):
                outcomes = await self._send_all(delivery, begun)
            if span is not None:
                span.set_attribute("ferryman.delivered", all(each.ok for _, each in outcomes))
            return outcomes

    @asynccontextmanager
    async def _places(self, delivery: Delivery, until: float) -> AsyncIterator[None]:
        """Hold a place for each function that the message goes to."""
        async with AsyncExitStack() as places:
            try:
                async with asyncio.timeout_at(until):
                    for route in delivery.routes:
                        if isinstance(route, FunctionRoute):
                            await places.enter_async_context(self._functions.place())
            except TimeoutError:
                raise NoPlaceError from None
            yield

    async def _send_all(
        self, delivery: Delivery, begun: Callable[[], None]
    ) -> tuple[tuple[Route, Outcome], ...]:
        if len(delivery.routes) == 1:
            [route] = delivery.routes
            return ((route, await self._send_by(route, delivery, begun)),)
        outcomes = await asyncio.gather(
            *(self._send_by(route, delivery, begun) for route in delivery.routes)
        )
        return tuple(zip(delivery.routes, outcomes, strict=True))

    async def _send_by(
        self, route: Route, delivery: Delivery, begun: Callable[[], None]
    ) -> Outcome:
        match route:
            case FunctionRoute():
                return await self._call_function(route, delivery, begun)
            case RemoteRoute():
                return await self._post_remote(route, delivery)
            case WebhookRoute():
                return await self._post_webhook(route, delivery)
            case _:
                assert_never(route)

    async def _call_function(
        self, route: FunctionRoute, delivery: Delivery, begun: Callable[[], None]
    ) -> Outcome:
        app, settings = delivery.app, self._platform.settings
        manifest = parse_manifest(app.manifest or {})
        _, system = self._signed(delivery)
        call = FunctionCall(
            owner=str(app.app_id),
            source=Path(app.source or "/"),
            handler=route.handler,
            event=event_of(delivery.message),
            context={"installContext": site_ari(site_of(delivery))},
            environment={
                **app_variables(manifest, self._environ),
                "FERRYMAN_URL": settings.base_url,
                "FERRYMAN_TOKEN": system,
            },
            timeout=settings.function_seconds,
            identity={
                "appId": bare_app_id(forge_app_id_of(app), str(app.app_id)),
                "environment": app.environment,
                "installationId": installation_id_of(app, site_of(delivery)),
            },
            printed=_printed(route, delivery) if settings.log_output else None,
            begun=begun,
            access=self._access(app, manifest),
        )
        return await self._functions.run(call)

    def _access(self, app: AppRow, manifest: Manifest) -> Access:
        settings, store = self._platform.settings, self._platform.objects
        folder = settings.function_folder(app.cloud_app_key, Path(app.source or "/"))
        return access((settings.base_url, store.signed_at), manifest.fetched, folder)

    async def _post_remote(self, route: RemoteRoute, delivery: Delivery) -> Outcome:
        invocation, system = self._signed(delivery)
        headers = {
            "Authorization": f"Bearer {invocation}",
            **tracing.outgoing(),
        }
        if route.system_token:
            headers["x-forge-oauth-system"] = system
        return await self._remotes.post(
            route.url,
            delivery.message.payload,
            headers,
            timeout=self._platform.settings.remote_seconds,
        )

    async def _post_webhook(self, route: WebhookRoute, delivery: Delivery) -> Outcome:
        return await post_webhook(
            self._remotes,
            route,
            delivery.message.payload,
            issuer=client_key(delivery.app),
            secret=delivery.app.shared_secret,
            now=wall_now(),
            seconds=self._platform.settings.remote_seconds,
        )

    def _signed(self, delivery: Delivery) -> tuple[str, str]:
        """Return the invocation token and the system token of the app on that site."""
        site, app, now = site_of(delivery), delivery.app, wall_now()
        key = (self._keys.current.kid, app.app_id, app.environment, app.forge_app_id, site)
        kept = self._tokens.get(key)
        if kept is None or now - kept[0] > _TOKENS_KEPT:
            if len(self._tokens) >= _TOKENS:
                self._tokens.clear()
            kept = now, self._invocation_token(app, site), self._system_token(app, site)
            self._tokens[key] = kept
        return kept[1:]

    def _system_token(self, app: AppRow, site: str) -> str:
        return system_token(
            self._keys.current,
            app_id=str(app.app_id),
            environment=app.environment,
            site=site,
            now=wall_now(),
        )

    def _invocation_token(self, app: AppRow, site: str) -> str:
        return invocation_token(
            self._keys.current,
            app_id=str(app.app_id),
            forge_app_id=forge_app_id_of(app),
            environment=app.environment,
            cloud_url=site,
            cloud_id=str(derived_id("cloud", site)),
            installation_id=installation_id_of(app, site),
            api_base_url=self._platform.settings.base_url,
            now=wall_now(),
        )


def _printed(route: FunctionRoute, delivery: Delivery) -> Callable[[str], None]:
    """Return a callback that logs the lines a function prints."""
    message = delivery.message
    logger = log.bind(
        app=delivery.app.cloud_app_key,
        environment=delivery.app.environment,
        transfer=str(message.transfer_id),
        message=str(message.message_id),
        number=message.number,
        function=route.function,
    )
    return lambda text: logger.info("function.printed", text=text)
