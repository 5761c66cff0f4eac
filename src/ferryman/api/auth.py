"""Who is calling: the operator, a server app, or a cloud app."""

import hmac
from dataclasses import dataclass
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import Guard

from ferryman.clock import wall_now
from ferryman.errors import NotAuthenticated
from ferryman.services import app as apps
from ferryman.services.platform import Platform
from ferryman.store.app import App
from ferryman.tokens import SigningKey, verify_system_token
from ferryman.vocab import Audience

Connection = ASGIConnection[Any, Any, Any, Any]

_CALLER = "ferryman.caller"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What callers are checked against."""

    operator_token: str
    key: SigningKey


def server_app_guard(platform: Platform) -> Guard:
    """Lets holders of a server token in, before anything else of a request is read."""

    async def guard(connection: Connection, _handler: BaseRouteHandler) -> None:
        token = bearer(connection)
        _remember(connection, await apps.authenticate(platform, token, Audience.SERVER))

    return guard


def cloud_app_guard(platform: Platform, credentials: Credentials) -> Guard:
    """The same for a long-lived cloud token, or a system token that the platform signed."""

    async def guard(connection: Connection, _handler: BaseRouteHandler) -> None:
        token = bearer(connection)
        if token.count(".") != 2:
            app = await apps.authenticate(platform, token, Audience.CLOUD)
        else:
            keys = {credentials.key.kid: credentials.key.public}
            claims = verify_system_token(token, keys, wall_now())
            app = await apps.by_claims(platform, str(claims["sub"]))
        _remember(connection, app)

    return guard


def caller(request: Request[Any, Any, Any]) -> App:
    """The app that a guard let in."""
    app: App = request.scope["state"][_CALLER]
    return app


def _remember(connection: Connection, app: App) -> None:
    connection.scope["state"][_CALLER] = app


def check_operator(request: Connection, credentials: Credentials) -> None:
    """Refuse anyone who does not hold the operator token."""
    if not hmac.compare_digest(bearer(request).encode(), credentials.operator_token.encode()):
        raise NotAuthenticated(
            "operator_token_invalid",
            expected="the operator token in `Authorization: Bearer …`",
            found="another token",
            fix="It is in the file operator-token of the platform's data folder.",
        )


def bearer(request: Connection) -> str:
    """The token of the Authorization header."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotAuthenticated(
            "token_missing",
            expected="`Authorization: Bearer TOKEN`",
            found=f"the scheme {scheme[:20]!r}" if scheme else "no Authorization header",
            fix="Send the token that this surface takes.",
        )
    return token.strip()
