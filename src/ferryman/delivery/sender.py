"""Send one message to a cloud app, through every route that leads to it."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import assert_never

import structlog

from ferryman import tracing
from ferryman.clock import wall_now
from ferryman.delivery.arguments import event_of, site_of
from ferryman.delivery.endpoint_caller import EndpointCaller
from ferryman.delivery.function_caller import AppOnSite, AppTokens, FunctionCaller
from ferryman.delivery.remote import RemoteSender
from ferryman.delivery.resolver import OWNER
from ferryman.delivery.webhook import post_webhook
from ferryman.domain.outcome import Outcome
from ferryman.functions.pool import FunctionPool
from ferryman.functions.routes import FunctionRoute, RemoteRoute, Route, WebhookRoute
from ferryman.services.delivery import Delivery
from ferryman.services.key_ring import KeyRing
from ferryman.services.platform import Platform
from ferryman.services.routing import client_key

log = structlog.get_logger("ferryman.functions")


class NoPlaceError(Exception):
    """Nothing was sent: no place came free in time, the app rests, or the claim is too old."""


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
        tokens = AppTokens(platform, keys)
        self.caller = FunctionCaller(platform, tokens, functions, environ)
        self.endpoints = EndpointCaller(platform, tokens, remotes)

    async def send(
        self,
        delivery: Delivery,
        until: float = math.inf,
        begun: Callable[[], None] = lambda: None,
    ) -> tuple[tuple[Route, Outcome], ...]:
        """Return the outcome for each route; ``begun`` is called when a function is called.

        After ``until``, in seconds of the loop's clock, another worker may have taken the message
        over, so nothing is begun any more: raises :class:`NoPlaceError` before anything is sent.
        """
        message = delivery.message
        await self._keys.refresh()  # for long, if the database does not answer
        if asyncio.get_running_loop().time() > until:
            raise NoPlaceError
        app_id = str(delivery.app.app_id)
        OWNER.set(app_id)
        functions = [route for route in delivery.routes if isinstance(route, FunctionRoute)]
        if any(self._functions.must_wait(app_id, route.handler) for route in functions):
            raise NoPlaceError
        name = f"deliver {message.lane.event_type}"
        facts = {"ferryman.message": str(message.message_id), "ferryman.attempt": message.number}
        with tracing.span(name, message.trace, "client", **facts) as span:
            if functions:
                # Most go to one function and find a place, so there is no wait to bound.
                one = len(delivery.routes) == 1 and self._functions.has_place
                place: AbstractAsyncContextManager[None] = (
                    self._functions.place() if one else self._places(delivery, until)
                )
                async with place:
                    outcomes = await self._send_all(delivery, begun)
            else:
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
        settings = self._platform.settings
        return await self.caller.run(
            AppOnSite(delivery.app, site_of(delivery)),
            route.handler,
            event_of(delivery.message),
            seconds=settings.function_seconds,
            printed=_printed(route, delivery) if settings.log_output else None,
            begun=begun,
        )

    async def _post_remote(self, route: RemoteRoute, delivery: Delivery) -> Outcome:
        return await self.endpoints.post(
            route,
            AppOnSite(delivery.app, site_of(delivery)),
            delivery.message.payload,
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
