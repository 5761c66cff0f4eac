"""Tokens between the platform and a Connect app: HS256 with their shared secret.

The webhook signature is such a token, and so is what signs each call of the app.

No clock is read here: every function takes ``now``, an aware datetime.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Any

import jwt

from ferryman import refusals
from ferryman.qsh import CONTEXT_PATH, query_string_hash

LIFETIME = timedelta(minutes=3)
"""Lifetime of the tokens that the platform signs (connect-jwt)."""

# Three minutes are recommended, but the libraries that apps use sign for an hour by default.
_LONGEST_LIFETIME = timedelta(hours=1)
_CLOCK_SKEW = timedelta(minutes=1)
_TOKEN_CHARACTERS = 8192
_LONG_AGO = 10**9
"""In seconds, to cap the age in a message: a number in a token can have any number of digits."""


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """The request a token is bound to: its method, and path and query as they go over the wire.

    For a request to an app the path is the one below its base URL, and ``context`` is empty.
    """

    method: str
    path: str
    query: str
    context: str = CONTEXT_PATH

    @property
    def qsh(self) -> str:
        """Return the hash of the request."""
        return query_string_hash(self.method, self.path, self.query, self.context)


def sign(secret: str, issuer: str, request: SignedRequest, now: datetime) -> str:
    """Return a token for one request, valid for three minutes."""
    issued = int(now.timestamp())
    claims = {
        "iss": issuer,
        "iat": issued,
        "exp": issued + int(LIFETIME.total_seconds()),
        "qsh": request.qsh,
    }
    return jwt.encode(claims, secret, algorithm="HS256")


def issuer_of(token: str) -> str:
    """Return the claimed issuer, which is good only to look up its secret."""
    if len(token) > _TOKEN_CHARACTERS or not token.isascii():
        raise refusals.access.JWT_INVALID(found="something else")
    try:
        issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
        if isinstance(issuer, str):
            issuer.encode()  # a lone surrogate is no issuer
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise refusals.access.JWT_INVALID(
            found=f"one that cannot be read ({type(error).__name__})"
        ) from error
    if not isinstance(issuer, str) or not issuer or "\0" in issuer:
        raise refusals.access.JWT_INVALID(found="a token without iss")
    return issuer


def verify(token: str, secrets: Iterable[str], request: SignedRequest, now: datetime) -> str:
    """Return the one of ``secrets`` that signed the token; check its times and its request.

    Raises ``NotAuthenticated`` if any of this fails. The algorithm is never taken from the token.
    """
    for secret in secrets:
        claims = _claims(token, secret)
        if claims is not None:
            _check_times(claims, now)
            _check_request(claims, request)
            return secret
    raise refusals.access.JWT_INVALID(
        found="a token that the app's shared secret did not sign with HS256"
    )


def _claims(token: str, secret: str) -> dict[str, Any] | None:
    options: Any = {
        "require": ["iat", "exp", "qsh"],
        # Checked here because the library would use the wall clock.
        **dict.fromkeys(("verify_exp", "verify_nbf", "verify_iat", "verify_aud"), False),
    }
    try:
        return jwt.decode(token, secret, algorithms=["HS256"], options=options)
    except jwt.MissingRequiredClaimError as error:
        raise refusals.access.JWT_INVALID(found=f"a token without {error.claim}") from error
    except (jwt.PyJWTError, ValueError, TypeError):
        return None


def _check_times(claims: dict[str, Any], now: datetime) -> None:
    issued, expires, instant = claims["iat"], claims["exp"], now.timestamp()
    if type(issued) is not int or type(expires) is not int:
        raise refusals.access.JWT_INVALID(found="times that are no whole numbers")
    if issued > instant + _CLOCK_SKEW.total_seconds():
        raise refusals.access.JWT_INVALID(found="a token from the future")
    if expires > instant + (_LONGEST_LIFETIME + _CLOCK_SKEW).total_seconds():
        raise refusals.access.JWT_INVALID(found="a token that lives for more than an hour")
    if instant >= expires:
        raise refusals.access.JWT_EXPIRED(seconds=min(int(instant) - expires, _LONG_AGO))


def _check_request(claims: dict[str, Any], request: SignedRequest) -> None:
    given = claims["qsh"]
    if not (isinstance(given, str) and given.isascii() and compare_digest(given, request.qsh)):
        raise refusals.access.JWT_QSH_MISMATCH()
