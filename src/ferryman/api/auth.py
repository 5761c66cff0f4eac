"""Authenticate apps: a server app or a cloud app."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import Guard, Scope

from ferryman import connect_token, refusals
from ferryman.api.throttle import AppThrottle
from ferryman.api.token_cache import TokenCache
from ferryman.clock import wall_now
from ferryman.domain.access import Actor
from ferryman.services import app as app_service
from ferryman.services import installation
from ferryman.services.key_ring import KeyRing
from ferryman.services.platform import Platform
from ferryman.store import turns
from ferryman.store.app import AppRow
from ferryman.token_check import verify_system_token
from ferryman.vocab import AppKind, Audience

Connection = ASGIConnection[Any, Any, Any, Any]

_SCHEMES = frozenset({"basic", "bearer", "digest", "jwt", "negotiate"})

_CALLER = "ferryman.caller"
_COUNTED = "ferryman.counted"
ACTOR = "ferryman.actor"
"""Key of the admin caller in the state of a request."""
SHARED = "ferryman.shared"
"""Key of the state of a request that came with the link of a migration."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The secrets that callers are checked against."""

    operator_token: str
    keys: KeyRing


def server_app_guard(platform: Platform, throttle: AppThrottle) -> Guard:
    """Return a guard that admits holders of a server token before the rest of a request is read."""

    async def guard(connection: Connection, _handler: BaseRouteHandler) -> None:
        app = await app_service.authenticate(platform, bearer(connection), Audience.SERVER)
        _enter(connection, replace(app, claim=_claim_of(connection)), throttle)

    return guard


def _claim_of(connection: Connection) -> int:
    """Return the number in the header ``Ferryman-Claim``; 0 if it is absent."""
    text = connection.headers.get("ferryman-claim", "0")
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise refusals.transfer.CLAIM_INVALID(claim=text)
    return int(text)


def cloud_app_guard(platform: Platform, credentials: Credentials, throttle: AppThrottle) -> Guard:
    """Return a guard that admits a long-lived cloud token or a system token of this platform."""
    holder = HolderOfCloudToken(platform, credentials)

    async def guard(connection: Connection, _handler: BaseRouteHandler) -> None:
        _enter(connection, await holder.of(bearer(connection), wall_now()), throttle)

    return guard


class HolderOfCloudToken:
    """The holder of a cloud token that was checked within the last seconds."""

    def __init__(self, platform: Platform, credentials: Credentials) -> None:
        self._platform, self._credentials = platform, credentials
        self._cache: TokenCache[AppRow] = TokenCache()

    async def of(self, token: str, now: datetime) -> AppRow:
        """Return the app; raise :class:`NotAuthenticated` if there is none."""
        return await self._cache.holder_of(
            token, now, lambda: _cloud_app(self._platform, self._credentials, token, now)
        )


def connect_app_guard(platform: Platform, credentials: Credentials, throttle: AppThrottle) -> Guard:
    """Return a guard that admits requests signed with the shared secret of a Connect app."""

    async def guard(connection: Connection, _handler: BaseRouteHandler) -> None:
        scheme, token = authorization(connection)
        if scheme == "bearer":
            app, _ = await _cloud_app(platform, credentials, token, wall_now())
            if app.kind is not AppKind.CONNECT:
                raise refusals.access.CONNECT_APPS_ONLY(kind=app.kind, app=app.cloud_app_key)
        if scheme != "jwt" or not token:
            raise refusals.access.JWT_MISSING(found=_no_token(scheme))
        apps = await app_service.by_issuer(platform, connect_token.issuer_of(token))
        secret = connect_token.verify(token, apps, _request(connection), wall_now())
        app_service.check_active(apps[secret])
        if secret != apps[secret].shared_secret:
            await installation.used(platform, apps[secret], secret)
        _enter(connection, apps[secret], throttle)

    return guard


def _request(connection: Connection) -> connect_token.SignedRequest:
    """Return the request as it came over the wire, since the app's hash covers exactly that."""
    scope: Any = connection.scope
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    return connect_token.SignedRequest(
        scope["method"],
        path.partition(b"?")[0].decode("latin-1"),
        scope["query_string"].decode("latin-1"),
    )


async def _cloud_app(
    platform: Platform, credentials: Credentials, token: str, now: datetime
) -> tuple[AppRow, datetime | None]:
    """Return the app that a token belongs to, and when the token expires."""
    if token.count(".") != 2:
        return await app_service.authenticate(platform, token, Audience.CLOUD), None
    await credentials.keys.refresh()
    claims = verify_system_token(token, credentials.keys.public, now)
    app = await app_service.by_claims(platform, claims["sub"])
    if claims["environment"] != app.environment:
        raise refusals.access.TOKEN_INVALID(audience=Audience.CLOUD)
    return replace(app, site=claims["site"]), datetime.fromtimestamp(claims["exp"], UTC)


def caller(request: Request[Any, Any, Any]) -> AppRow:
    """Return the app that a guard admitted."""
    app: AppRow = request.scope["state"][_CALLER]
    return app


def caller_of(scope: Scope) -> AppRow | None:
    """Return the app that a guard admitted, from any scope; None if nobody was admitted."""
    state: dict[str, Any] = scope.get("state") or {}
    return state.get(_CALLER)


def actor_of(scope: Scope) -> Actor | None:
    """Return the caller of the admin surface, from any scope; None if nobody was recognised."""
    state: dict[str, Any] = scope.get("state") or {}
    return state.get(ACTOR)


def has_link(scope: Scope) -> bool:
    """Return whether a request came with a right link of a migration."""
    state: dict[str, Any] = scope.get("state") or {}
    return SHARED in state


def _enter(connection: Connection, app: AppRow, throttle: AppThrottle) -> None:
    enter(connection.scope["state"], app, throttle)


def enter(state: dict[str, Any], app: AppRow, throttle: AppThrottle) -> None:
    """Make an app the caller of a request, by its state; refuse one call too many."""
    state[_CALLER] = app
    turns.CALLER.set(app.app_id)
    # A hot call that the framework decides again is one call (ADR 81).
    if state.get(_COUNTED) != app.app_id:
        throttle.admit(app.app_id)
        state[_COUNTED] = app.app_id


def bearer(request: Connection) -> str:
    """Return the bearer token of a request; raise :class:`NotAuthenticated` without one."""
    scheme, token = authorization(request)
    if scheme != "bearer" or not token:
        raise refusals.access.TOKEN_MISSING(found=_no_token(scheme))
    return token


def _no_token(scheme: str) -> str:
    if scheme in _SCHEMES:
        return f"the scheme {scheme!r}"
    # Without a scheme, what stands in its place is the token, which is never repeated.
    return "no scheme that is known here" if scheme else "no Authorization header"


def authorization(request: Connection) -> tuple[str, str]:
    """Return the scheme, in lower case, and the token of the Authorization header."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return scheme.lower(), token.strip()
