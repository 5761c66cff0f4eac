"""Verify the tokens with which apps call the platform back.

No clock is read here: ``now`` is an aware datetime.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from ferryman import refusals
from ferryman.tokens import SYSTEM_AUDIENCE, SYSTEM_ISSUER, SYSTEM_SCOPE

_TOKEN_CHARACTERS = 8192


def verify_system_token(
    token: str, keys: Mapping[str, RSAPublicKey], now: datetime
) -> dict[str, Any]:
    """Return the claims of a valid system token that one of ``keys`` (by ``kid``) signed.

    Raises ``NotAuthenticated`` for anything else. The token never chooses the algorithm, so
    ``none`` and HMAC with the public key are refused.
    """
    claims = _signed_claims(token, keys)
    instant = now.timestamp()
    # Checked here because the library would use the wall clock.
    times = [claims["nbf"], claims["exp"]]
    if not all(type(time) is int for time in times):
        raise refusals.access.SYSTEM_TOKEN_INVALID(found="times that are no whole numbers")
    if instant < times[0]:
        raise refusals.access.SYSTEM_TOKEN_INVALID(found="a token that is not valid yet")
    if instant >= times[1]:
        raise refusals.access.SYSTEM_TOKEN_INVALID(found="a token that has expired")
    for name, what in (("sub", "app"), ("environment", "environment"), ("site", "site")):
        if not isinstance(claims[name], str) or not claims[name]:
            raise refusals.access.SYSTEM_TOKEN_INVALID(found=f"a token without its {what}")
    if SYSTEM_SCOPE not in str(claims["scope"]).split():
        raise refusals.access.SYSTEM_TOKEN_INVALID(
            found=f"a token without the scope {SYSTEM_SCOPE}"
        )
    return claims


def _signed_claims(token: str, keys: Mapping[str, RSAPublicKey]) -> dict[str, Any]:
    if len(token) > _TOKEN_CHARACTERS or not token.isascii():
        raise refusals.access.SYSTEM_TOKEN_INVALID(found="something else")
    try:
        kid = jwt.get_unverified_header(token).get("kid")
        key = keys.get(kid) if isinstance(kid, str) else None
        if key is None:
            raise refusals.access.SYSTEM_TOKEN_INVALID(found="a token signed with an unknown key")
        return jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            audience=SYSTEM_AUDIENCE,
            issuer=SYSTEM_ISSUER,
            options={
                "require": ["sub", "environment", "site", "nbf", "exp", "scope"],
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            },
        )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise refusals.access.SYSTEM_TOKEN_INVALID(
            found=f"one that cannot be accepted ({type(error).__name__})"
        ) from error
