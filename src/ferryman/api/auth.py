"""Who is calling: the operator, a server app, or a cloud app."""

import hmac
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import Guard, Scope

from ferryman import connect_token
from ferryman.api.known import KnownTokens
from ferryman.api.throttle import Throttle
from ferryman.clock import wall_now
from ferryman.errors import Invalid, NotAllowed, NotAuthenticated
from ferryman.services import app as apps
from ferryman.services import installation
from ferryman.services.platform import Platform
from ferryman.store.app import App
from ferryman.tokens import SigningKey, verify_system_token
from ferryman.vocab import AppKind, Audience

Connection = ASGIConnection[Any, Any, Any, Any]

_CALLER = "ferryman.caller"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What callers are checked against."""

    operator_token: str
    key: SigningKey


def server_app_guard(platform: Platform, throttle: Throttle) -> Guard:
    """Lets holders of a server token in, before anything else of a request is read."""

    async def guard(connection: Connection, _handler: BaseRouteHandler) -> None:
        app = await apps.authenticate(platform, bearer(connection), Audience.SERVER)
        _enter(connection, replace(app, claim=_claim_of(connection)), throttle)

    return guard


def _claim_of(connection: Connection) -> int:
    """The number in the header ``Ferryman-Claim``; 0 without one."""
    text = connection.headers.get("ferryman-claim", "0")
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Invalid(
            "claim_invalid",
            expected="Ferryman-Claim: the number `claims` that the claim was answered with",
            found=f"{text[:32]!r}",
            fix="Send the number as it was given, or leave the header out.",
        )
    return int(text)


def cloud_app_guard(platform: Platform, credentials: Credentials, throttle: Throttle) -> Guard:
    """The same for a long-lived cloud token, or a system token that the platform signed."""
    known = KnownTokens()

    async def guard(connection: Connection, _handler: BaseRouteHandler) -> None:
        token, now = bearer(connection), wall_now()
        app = await known.app_of(token, now, lambda: _cloud_app(platform, credentials, token, now))
        _enter(connection, app, throttle)

    return guard


def connect_app_guard(platform: Platform, credentials: Credentials, throttle: Throttle) -> Guard:
    """Lets those in who sign their request with the shared secret of a Connect app."""

    async def guard(connection: Connection, _handler: BaseRouteHandler) -> None:
        scheme, token = authorization(connection)
        if scheme == "bearer":
            app, _ = await _cloud_app(platform, credentials, token, wall_now())
            if app.kind is not AppKind.CONNECT:
                raise NotAllowed(
                    "connect_apps_only",
                    expected="a Connect app: this resource is only for Connect apps",
                    found=f"the {app.kind} app {app.cloud_app_key}",
                    fix="Call the Forge surface, at /app/migration/forge/v1.",
                )
        if scheme != "jwt" or not token:
            raise NotAuthenticated(
                "jwt_missing",
                expected="`Authorization: JWT TOKEN`",
                found=f"the scheme {scheme[:20]!r}" if scheme else "no Authorization header",
                fix="Sign each request with the sharedSecret that registering the app gave.",
            )
        found = await apps.by_issuer(platform, connect_token.issuer_of(token))
        secret = connect_token.verify(token, found, _request(connection), wall_now())
        if secret != found[secret].shared_secret:
            await installation.used(platform, found[secret], secret)
        _enter(connection, found[secret], throttle)

    return guard


def _request(connection: Connection) -> connect_token.Request:
    """As it came over the wire: the hash is of what the app wrote."""
    scope: Any = connection.scope
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    return connect_token.Request(
        scope["method"],
        path.partition(b"?")[0].decode("latin-1"),
        scope["query_string"].decode("latin-1"),
    )


async def _cloud_app(
    platform: Platform, credentials: Credentials, token: str, now: datetime
) -> tuple[App, datetime | None]:
    """Whose token it is, and when it expires."""
    if token.count(".") != 2:
        return await apps.authenticate(platform, token, Audience.CLOUD), None
    keys = {credentials.key.kid: credentials.key.public}
    claims = verify_system_token(token, keys, now)
    app = await apps.by_claims(platform, claims["sub"])
    if claims["environment"] != app.environment:
        raise apps.unknown_token(Audience.CLOUD)
    return replace(app, site=claims["site"]), datetime.fromtimestamp(claims["exp"], UTC)


def caller(request: Request[Any, Any, Any]) -> App:
    """The app that a guard let in."""
    app: App = request.scope["state"][_CALLER]
    return app


def caller_of(scope: Scope) -> App | None:
    """The same of any connection; None when no guard let anyone in."""
    state: dict[str, Any] = scope.get("state") or {}
    return state.get(_CALLER)


def _enter(connection: Connection, app: App, throttle: Throttle) -> None:
    connection.scope["state"][_CALLER] = app
    throttle.admit(app.app_id)


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
    scheme, token = authorization(request)
    if scheme != "bearer" or not token:
        raise NotAuthenticated(
            "token_missing",
            expected="`Authorization: Bearer TOKEN`",
            found=f"the scheme {scheme[:20]!r}" if scheme else "no Authorization header",
            fix="Send the token that this surface takes.",
        )
    return token


def authorization(request: Connection) -> tuple[str, str]:
    """Scheme, in small letters, and token."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return scheme.lower(), token.strip()
