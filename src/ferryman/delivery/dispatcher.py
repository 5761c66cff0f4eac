"""One attempt at delivering one message.

    begin (transaction) ──▶ send (no transaction) ──▶ end (transaction)

The attempt is recorded before anything leaves, so a worker that dies in the middle leaves an
open attempt; whoever takes the job over counts it as lost and makes the next one. Nothing is
sent for a message whose acknowledgement is committed.
"""

import asyncio
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any, assert_never
from uuid import UUID

import structlog

from ferryman.clock import wall_now
from ferryman.delivery.backoff import retry_delay
from ferryman.delivery.remote import RemoteSender
from ferryman.delivery.webhook import post_webhook
from ferryman.domain.message import number_in_round
from ferryman.domain.outcome import Outcome
from ferryman.errors import OutsideError
from ferryman.functions.manifest import parse_manifest
from ferryman.functions.pool import FunctionCall, FunctionPool
from ferryman.functions.routes import FunctionRoute, RemoteRoute, Route, WebhookRoute
from ferryman.functions.source import app_variables
from ferryman.ids import derived_id, jitter, new_id
from ferryman.services import attempt
from ferryman.services.attempt import Delivery
from ferryman.services.platform import Platform
from ferryman.services.release import needs_place_of
from ferryman.services.routing import client_key
from ferryman.tokens import SigningKey, invocation_token, system_token

log = structlog.get_logger("ferryman.delivery")


class BusyError(Exception):
    """Enough jobs of this app wait for a function's place; more would crowd others out."""


class Dispatcher:
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

    async def deliver(self, message_id: UUID, number: int) -> None:
        """Make attempt ``number``, unless the message needs none any more.

        A function's place is waited for before the attempt begins: by then the message may be
        acknowledged, and an attempt that died waiting would count without having reached anyone.
        """
        app = await needs_place_of(self._platform, message_id, number)
        if app is not None and self._functions.crowded(str(app.app_id)):
            raise BusyError
        place = nullcontext() if app is None else self._functions.place(str(app.app_id))
        async with place:
            await self._attempt(message_id, number)

    async def _attempt(self, message_id: UUID, number: int) -> None:
        delivery = await attempt.begin(self._platform, message_id, number)
        if delivery is None:
            return
        outcome, reached = await self._send(delivery)
        delay = retry_delay(
            number_in_round(delivery.message.state, delivery.number),
            base=self._platform.settings.retry_base_seconds,
            random=jitter,
        )
        await self._record(delivery, outcome, delay, reached)
        log.info(
            "attempt.delivered" if outcome.ok else "attempt.failed",
            app=delivery.app.cloud_app_key,
            environment=delivery.app.environment,
            transfer=str(delivery.transfer.transfer_id),
            message=str(message_id),
            event_type=delivery.message.event_type.value,
            number=delivery.number,
            stage=outcome.stage,
            status=outcome.status,
            seconds=round(outcome.duration, 3),
        )

    async def _record(
        self, delivery: Delivery, outcome: Outcome, delay: timedelta, reached: list[Route]
    ) -> None:
        """Write what came of it, however long the database is away: only we know it."""
        pause = 0.1
        while True:
            try:
                return await attempt.end(self._platform, delivery, outcome, delay, reached)
            except OutsideError as exc:
                log.warning(
                    "outcome.waits", message=str(delivery.message.message_id), code=exc.code
                )
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)

    async def _send(self, delivery: Delivery) -> tuple[Outcome, list[Route]]:
        """Every way there is; the first failure is the attempt's outcome. And which ways led."""
        outcomes = await asyncio.gather(
            *(self._send_by(route, delivery) for route in delivery.routes)
        )
        reached = [
            route for route, outcome in zip(delivery.routes, outcomes, strict=True) if outcome.ok
        ]
        return next((outcome for outcome in outcomes if not outcome.ok), outcomes[0]), reached

    async def _send_by(self, route: Route, delivery: Delivery) -> Outcome:
        match route:
            case FunctionRoute():
                return await self._call_function(route, delivery)
            case RemoteRoute():
                return await self._post_remote(route, delivery)
            case WebhookRoute():
                return await self._post_webhook(route, delivery)
            case _:
                assert_never(route)

    async def _call_function(self, route: FunctionRoute, delivery: Delivery) -> Outcome:
        app, settings = delivery.app, self._platform.settings
        manifest = parse_manifest(app.manifest or {})
        return await self._functions.run(
            FunctionCall(
                owner=str(app.app_id),
                source=Path(app.source or "/"),
                handler=route.handler,
                event=delivery.message.payload,
                context={"installContext": _site(delivery)},
                environment={
                    **app_variables(manifest, self._environ),
                    "FERRYMAN_URL": settings.base_url,
                    "FERRYMAN_TOKEN": self._system_token(delivery),
                },
                timeout=settings.function_seconds,
            )
        )

    async def _post_remote(self, route: RemoteRoute, delivery: Delivery) -> Outcome:
        trace, span = new_id().hex, new_id().hex[:16]
        headers = {
            "Authorization": f"Bearer {self._invocation_token(delivery)}",
            "x-b3-traceid": trace,
            "x-b3-spanid": span,
        }
        if route.system_token:
            headers["x-forge-oauth-system"] = self._system_token(delivery)
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

    def _system_token(self, delivery: Delivery) -> str:
        return system_token(
            self._key,
            app_id=str(delivery.app.app_id),
            environment=delivery.app.environment,
            site=delivery.transfer.details.cloud_url,
            now=wall_now(),
        )

    def _invocation_token(self, delivery: Delivery) -> str:
        app, site = delivery.app, delivery.transfer.details.cloud_url
        base_url = self._platform.settings.base_url
        return invocation_token(
            self._key,
            app_id=str(app.app_id),
            forge_app_id=app.forge_app_id or parse_manifest(app.manifest or {}).app_id,
            environment=app.environment,
            cloud_url=site,
            cloud_id=str(derived_id("cloud", site)),
            installation_id=str(derived_id("installation", str(app.app_id), site)),
            api_base_url=base_url,
            now=wall_now(),
        )


def _site(delivery: Delivery) -> Any:
    site = delivery.transfer.details.cloud_url
    return f"ari:cloud:ferryman::site/{derived_id('cloud', site)}"
