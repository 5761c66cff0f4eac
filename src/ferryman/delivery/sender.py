"""One attempt at handing a message to a cloud app, by every way that leads to it."""

import asyncio
import math
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, assert_never

import msgspec

from ferryman import tracing
from ferryman.clock import wall_now
from ferryman.delivery.names import OWNER
from ferryman.delivery.remote import RemoteSender
from ferryman.delivery.webhook import post_webhook
from ferryman.domain.outcome import Outcome, failed
from ferryman.functions.manifest import parse_manifest
from ferryman.functions.pool import FunctionCall, FunctionPool
from ferryman.functions.routes import FunctionRoute, RemoteRoute, Route, WebhookRoute
from ferryman.functions.source import app_variables
from ferryman.ids import derived_id
from ferryman.services.delivery import Delivery
from ferryman.services.platform import Platform
from ferryman.services.routing import client_key
from ferryman.store.app import App
from ferryman.tokens import SigningKey, bare_app_id, invocation_token, system_token
from ferryman.vocab import FailureCause

_TOKENS_KEPT = timedelta(minutes=1)
"""They are good for longer; signing anew for each event would cost more than sending it."""

_TOKENS = 10_000


class Sender:
    """Makes attempts; ``environ`` is where the variables that apps declare are taken from."""

    def __init__(
        self,
        platform: Platform,
        key: SigningKey,
        *,
        functions: FunctionPool,
        remotes: RemoteSender,
        environ: dict[str, str],
    ) -> None:
        self._platform = platform
        self._key = key
        self._functions = functions
        self._remotes = remotes
        self._environ = environ
        self._tokens: dict[tuple[Any, ...], tuple[datetime, str, str]] = {}

    async def send(
        self, delivery: Delivery, until: float = math.inf
    ) -> tuple[tuple[Route, Outcome], ...]:
        """What came of it, by each way there is.

        ``until``, by the loop's clock, nobody else can have taken it over: later nothing is begun.
        """
        message = delivery.message
        OWNER.set(str(delivery.app.app_id))
        name = f"deliver {message.lane.event_type}"
        facts = {"ferryman.message": str(message.message_id), "ferryman.attempt": message.number}
        with tracing.span(name, message.trace, "client", **facts) as span:
            outcomes = await self._send_all(delivery, until)
            if span is not None:
                span.set_attribute("ferryman.delivered", all(each.ok for _, each in outcomes))
            return outcomes

    async def _send_all(
        self, delivery: Delivery, until: float
    ) -> tuple[tuple[Route, Outcome], ...]:
        if len(delivery.routes) == 1:
            [route] = delivery.routes
            return ((route, await self._send_by(route, delivery, until)),)
        outcomes = await asyncio.gather(
            *(self._send_by(route, delivery, until) for route in delivery.routes)
        )
        return tuple(zip(delivery.routes, outcomes, strict=True))

    async def _send_by(self, route: Route, delivery: Delivery, until: float) -> Outcome:
        match route:
            case FunctionRoute():
                return await self._call_function(route, delivery, until)
            case RemoteRoute():
                return await self._post_remote(route, delivery)
            case WebhookRoute():
                return await self._post_webhook(route, delivery)
            case _:
                assert_never(route)

    async def _call_function(
        self, route: FunctionRoute, delivery: Delivery, until: float
    ) -> Outcome:
        app, settings = delivery.app, self._platform.settings
        manifest = parse_manifest(app.manifest or {})
        _, system = self._signed(delivery)
        call = FunctionCall(
            owner=str(app.app_id),
            source=Path(app.source or "/"),
            handler=route.handler,
            event=msgspec.json.decode(delivery.message.payload),
            context={"installContext": _site_ari(_site(delivery))},
            environment={
                **app_variables(manifest, self._environ),
                "FERRYMAN_URL": settings.base_url,
                "FERRYMAN_TOKEN": system,
            },
            timeout=settings.function_seconds,
            identity={
                "appId": bare_app_id(_forge_app_id(app), str(app.app_id)),
                "environment": app.environment,
                "installationId": _installation_id(app, _site(delivery)),
            },
        )
        async with self._functions.place(str(app.app_id)):
            if asyncio.get_running_loop().time() > until:
                return failed(
                    "before",
                    FailureCause.NO_FREE_PLACE,
                    "No place to run the function came free.",
                    duration=0.0,
                )
            return await self._functions.run(call)

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
        """An invocation token and a system token, for the app on that site."""
        site, app, now = _site(delivery), delivery.app, wall_now()
        key = (app.app_id, app.environment, app.forge_app_id, site)
        kept = self._tokens.get(key)
        if kept is None or now - kept[0] > _TOKENS_KEPT:
            if len(self._tokens) >= _TOKENS:
                self._tokens.clear()
            kept = now, self._invocation_token(app, site), self._system_token(app, site)
            self._tokens[key] = kept
        return kept[1:]

    def _system_token(self, app: App, site: str) -> str:
        return system_token(
            self._key,
            app_id=str(app.app_id),
            environment=app.environment,
            site=site,
            now=wall_now(),
        )

    def _invocation_token(self, app: App, site: str) -> str:
        return invocation_token(
            self._key,
            app_id=str(app.app_id),
            forge_app_id=_forge_app_id(app),
            environment=app.environment,
            cloud_url=site,
            cloud_id=str(derived_id("cloud", site)),
            installation_id=_installation_id(app, site),
            api_base_url=self._platform.settings.base_url,
            now=wall_now(),
        )


class _Details(msgspec.Struct, rename="camel"):
    cloud_url: str


class _Event(msgspec.Struct, rename="camel"):
    migration_details: _Details


_EVENT = msgspec.json.Decoder(_Event)


def _site(delivery: Delivery) -> str:
    return _EVENT.decode(delivery.message.payload).migration_details.cloud_url


def _forge_app_id(app: App) -> str | None:
    return app.forge_app_id or parse_manifest(app.manifest or {}).app_id


def _installation_id(app: App, site: str) -> str:
    return str(derived_id("installation", str(app.app_id), site))


def _site_ari(site: str) -> Any:
    return f"ari:cloud:ferryman::site/{derived_id('cloud', site)}"
