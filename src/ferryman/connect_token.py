"""The tokens between the platform and a Connect app: HS256 with their shared secret.

No clock is read here: every function is told ``now``, an aware datetime.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Any

import jwt

from ferryman.errors import NotAuthenticated
from ferryman.qsh import CONTEXT_PATH, query_string_hash

LIFETIME = timedelta(minutes=3)
"""Of the tokens that the platform signs (connect-jwt)."""

# Three minutes are advised; libraries that apps use sign for an hour unless told otherwise.
_LONGEST_LIFETIME = timedelta(hours=1)
_CLOCK_SKEW = timedelta(minutes=1)
_TOKEN_CHARACTERS = 8192
_LONG_AGO = 10**9
"""Seconds; a whole number in a token may have more digits than a sentence should."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a token is bound to: the method, and path and query as they go over the wire.

    To an app the path is the one below its base URL, and ``context`` empty.
    """

    method: str
    path: str
    query: str
    context: str = CONTEXT_PATH

    @property
    def qsh(self) -> str:
        """The hash of the request."""
        return query_string_hash(self.method, self.path, self.query, self.context)


def sign(secret: str, issuer: str, request: Request, now: datetime) -> str:
    """A token for one request, good for three minutes."""
    issued = int(now.timestamp())
    claims = {
        "iss": issuer,
        "iat": issued,
        "exp": issued + int(LIFETIME.total_seconds()),
        "qsh": request.qsh,
    }
    return jwt.encode(claims, secret, algorithm="HS256")


def issuer_of(token: str) -> str:
    """Who says that they signed it: where to look for the secret, and no more than that."""
    if len(token) > _TOKEN_CHARACTERS or not token.isascii():
        raise _refusal("something else")
    try:
        issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
        if isinstance(issuer, str):
            issuer.encode()  # half of a surrogate pair names nobody
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise _refusal(f"one that cannot be read ({type(error).__name__})") from error
    if not isinstance(issuer, str) or not issuer or "\0" in issuer:
        raise _refusal("a token without iss")
    return issuer


def verify(token: str, secrets: Iterable[str], request: Request, now: datetime) -> str:
    """Which of ``secrets`` signed the token, if it is in time and meant for this request.

    Raises ``NotAuthenticated`` otherwise. What the token says is never trusted in choosing the
    algorithm.
    """
    for secret in secrets:
        claims = _claims(token, secret)
        if claims is not None:
            _check_times(claims, now)
            _check_request(claims, request)
            return secret
    raise _refusal("a token that the app's shared secret did not sign with HS256")


def _claims(token: str, secret: str) -> dict[str, Any] | None:
    options: Any = {
        "require": ["iat", "exp", "qsh"],
        # Checked here because the library would look at the wall clock.
        **dict.fromkeys(("verify_exp", "verify_nbf", "verify_iat", "verify_aud"), False),
    }
    try:
        return jwt.decode(token, secret, algorithms=["HS256"], options=options)
    except jwt.MissingRequiredClaimError as error:
        raise _refusal(f"a token without {error.claim}") from error
    except (jwt.PyJWTError, ValueError, TypeError):
        return None


def _check_times(claims: dict[str, Any], now: datetime) -> None:
    issued, expires, instant = claims["iat"], claims["exp"], now.timestamp()
    if type(issued) is not int or type(expires) is not int:
        raise _refusal("times that are no whole numbers")
    if issued > instant + _CLOCK_SKEW.total_seconds():
        raise _refusal("a token from the future")
    if expires > instant + (_LONGEST_LIFETIME + _CLOCK_SKEW).total_seconds():
        raise _refusal("a token that lives for more than an hour")
    if instant >= expires:
        raise NotAuthenticated(
            "jwt_expired",
            expected="a token that has not expired",
            found=f"one that expired {min(int(instant) - expires, _LONG_AGO)} s ago",
            fix="Sign a new token for each request; mind the clock of the machine that signs.",
        )


def _check_request(claims: dict[str, Any], request: Request) -> None:
    given = claims["qsh"]
    if not (isinstance(given, str) and given.isascii() and compare_digest(given, request.qsh)):
        raise NotAuthenticated(
            "jwt_qsh_mismatch",
            expected="the qsh of this request: method, path without /wiki, and sorted query",
            found="the qsh of another request",
            fix="Sign a token for each request, over METHOD&path&query as the page on HTTP says.",
        )


def _refusal(found: str) -> NotAuthenticated:
    return NotAuthenticated(
        "jwt_invalid",
        expected="a token signed HS256 with the app's shared secret, with iss, iat, exp and qsh",
        found=found,
        fix="Use the sharedSecret of the latest installation, or the one that registering the app "
        "gave, and iss = its key.",
    )
