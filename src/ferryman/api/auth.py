"""Who is calling: the operator, a server app, or a cloud app."""

import hmac
from dataclasses import dataclass
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection

from ferryman.clock import wall_now
from ferryman.errors import NotAuthenticated
from ferryman.services import app as apps
from ferryman.services.platform import Platform
from ferryman.store.app import App
from ferryman.tokens import SigningKey, verify_system_token
from ferryman.vocab import Audience


@dataclass(frozen=True, slots=True)
class Credentials:
    """What callers are checked against."""

    operator_token: str
    key: SigningKey


async def server_app(request: Request[Any, Any, Any], platform: Platform) -> App:
    """The app whose server token this is."""
    return await apps.authenticate(platform, bearer(request), Audience.SERVER)


async def cloud_app(
    request: Request[Any, Any, Any], platform: Platform, credentials: Credentials
) -> App:
    """The app of a long-lived cloud token, or of a system token that the platform signed."""
    token = bearer(request)
    if token.count(".") != 2:
        return await apps.authenticate(platform, token, Audience.CLOUD)
    keys = {credentials.key.kid: credentials.key.public}
    claims = verify_system_token(token, keys, wall_now())
    return await apps.by_claims(platform, str(claims["sub"]))


def check_operator(request: ASGIConnection[Any, Any, Any, Any], credentials: Credentials) -> None:
    """Refuse anyone who does not hold the operator token."""
    if not hmac.compare_digest(bearer(request).encode(), credentials.operator_token.encode()):
        raise NotAuthenticated(
            "operator_token_invalid",
            expected="the operator token in `Authorization: Bearer …`",
            found="another token",
            fix="It is in the file operator-token of the platform's data folder.",
        )


def bearer(request: ASGIConnection[Any, Any, Any, Any]) -> str:
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
