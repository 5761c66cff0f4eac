"""Authenticate callers of the admin surface, and refuse what their role does not allow."""

import hmac
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import Guard

from ferryman.api.auth import ACTOR, Credentials, bearer
from ferryman.api.request_log import request_id_of
from ferryman.api.token_cache import TokenCache
from ferryman.clock import wall_now
from ferryman.console.mount import READ_ONLY
from ferryman.domain.access import OPERATOR, Actor, check
from ferryman.errors import NotAuthenticated
from ferryman.services import access_token as access_token_service
from ferryman.services import console as console_service
from ferryman.services import reach as reach_service
from ferryman.services.platform import Platform
from ferryman.vocab import IdKind

Connection = ASGIConnection[Any, Any, Any, Any]

_NAMED = {
    "transfer_id": IdKind.TRANSFER,
    "migration_id": IdKind.MIGRATION,
    "message_id": IdKind.MESSAGE,
}
"""Path parameters that name something of a customer."""


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Tells who calls the admin surface, and whether they may."""

    platform: Platform
    credentials: Credentials
    cache: TokenCache[Actor] = field(default_factory=TokenCache)

    async def admit(self, connection: Connection, operation: str) -> Actor:
        """Return the caller of an operation; refuse a wrong token or an insufficient role."""
        actor = await self._holder(bearer(connection))
        client = connection.client
        scope: Any = connection.scope
        actor = replace(
            actor,
            address=None if client is None else client.host,
            request=request_id_of(connection.scope),
            # Said by pages alone: nothing of a request becomes a key of its scope.
            read_only=bool(scope.get(READ_ONLY)),
        )
        connection.scope["state"][ACTOR] = actor
        check(actor, operation)
        return actor

    async def still_admits(self, connection: Connection) -> bool:
        """Return whether the token of a call that takes long is still valid."""
        token = bearer(connection)
        if self._is_operator(token):
            return True
        try:
            await self._named(token)
        except NotAuthenticated:
            return False
        return True

    def _is_operator(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self.credentials.operator_token.encode())

    async def _holder(self, token: str) -> Actor:
        if self._is_operator(token):
            return OPERATOR
        return await self.cache.holder_of(token, wall_now(), lambda: self._named(token))

    async def _named(self, token: str) -> tuple[Actor, datetime | None]:
        if token.startswith(console_service.PREFIX):
            return await console_service.authenticate(
                self.platform, token, self.credentials.operator_token, wall_now()
            )
        token_row = await access_token_service.authenticate(self.platform, token)
        # Its expiry is platform time, which a virtual clock moves.
        expires_at = None if self.platform.database.virtual else token_row.expires_at
        return console_service.holder_of_token(token_row), expires_at


def admin_guard(authenticator: Authenticator) -> Guard:
    """Return a guard that admits callers before the rest of their request is read.

    What belongs to others is refused here as well, since no body tells whose a path is.
    """

    async def guard(connection: Connection, handler: BaseRouteHandler) -> None:
        actor = await authenticator.admit(connection, handler.fn.__name__)
        if actor.reach.whole:
            return
        named = [
            (_NAMED[name], value)
            for name, value in connection.path_params.items()
            if name in _NAMED
        ]
        if against := connection.query_params.get("against"):
            named.append((IdKind.MIGRATION, against))
        for kind, value in named:
            await reach_service.check(authenticator.platform, actor.reach, kind, value)

    return guard


def actor(request: Request[Any, Any, Any]) -> Actor:
    """Return the caller that a guard admitted."""
    signed_in: Actor = request.scope["state"][ACTOR]
    return signed_in
