"""Check an id token or a logout token: signature, issuer, audience, times and nonce."""

import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import jwt

ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
"""Only algorithms with a public key: with HS256 a client's secret could sign."""

SKEW_SECONDS = 60
"""Tolerated difference between the clocks of provider and platform."""

_OLDEST_SECONDS = 3600
_LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"

Claims = dict[str, Any]


class TokenRefused(Exception):
    """A token that does not count; its text completes "found …"."""


class KeyUnknown(TokenRefused):
    """Signed by a key that the provider has not published, or not yet."""


def check_id_token(
    token: str,
    keys: Sequence[Mapping[str, Any]],
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    now: datetime,
) -> Claims:
    """Return the claims of an id token; ``keys`` are JSON Web Keys.

    Raises :class:`KeyUnknown`, after which the keys may be read again, or :class:`TokenRefused`.
    """
    claims = _claims(token, keys, issuer=issuer, client_id=client_id, now=now)
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise TokenRefused("a token for another sign-in: its nonce differs")
    return claims


def check_logout_token(
    token: str,
    keys: Sequence[Mapping[str, Any]],
    *,
    issuer: str,
    client_id: str,
    now: datetime,
) -> Claims:
    """Return the claims of a logout token, which names a subject, a session, or both."""
    claims = _claims(token, keys, issuer=issuer, client_id=client_id, now=now)
    events = claims.get("events")
    if not isinstance(events, dict) or _LOGOUT_EVENT not in events or "nonce" in claims:
        raise TokenRefused("a token that is not for signing out")
    if not isinstance(claims.get("sub", claims.get("sid")), str):
        raise TokenRefused("a token that names nobody")
    return claims


def _claims(
    token: str,
    keys: Sequence[Mapping[str, Any]],
    *,
    issuer: str,
    client_id: str,
    now: datetime,
) -> Claims:
    claims = _signed(token, keys)
    if claims.get("iss") != issuer:
        raise TokenRefused("a token of another issuer")
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    party = claims.get("azp")
    alone = len(named) == 1 if party is None else party == client_id
    if client_id not in named or not alone:
        raise TokenRefused("a token for another client")
    _check_times(claims, now.timestamp())
    return claims


def _signed(token: str, keys: Sequence[Mapping[str, Any]]) -> Claims:
    """Return the claims of a token whose signature is right; nothing else of it is checked."""
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise TokenRefused("something that is no signed token") from None
    algorithm = str(header.get("alg"))
    if algorithm not in ALGORITHMS:
        raise TokenRefused("a token that is not signed by a public key")
    key_id = header.get("kid")
    fitting = [
        key
        for key in keys
        if key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and (key_id is None or key.get("kid") == key_id)
    ]
    if len(fitting) != 1:
        raise KeyUnknown("a token signed by a key that the provider does not publish")
    try:
        key = jwt.PyJWK(dict(fitting[0]), algorithm=algorithm)
        # Times are checked by the platform's clock, and with a bound that is ours.
        unchecked = {f"verify_{name}": False for name in ("exp", "iat", "nbf", "aud", "iss", "sub")}
        claims: Claims = jwt.decode(token, key, algorithms=[algorithm], options=unchecked)  # type: ignore[arg-type]
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise TokenRefused("a token whose signature is wrong") from None
    return claims


def _check_times(claims: Claims, now: float) -> None:
    expires, issued = _time(claims.get("exp")), _time(claims.get("iat"))
    begins = max(issued, _time(claims.get("nbf", issued)))
    if expires + SKEW_SECONDS <= now:
        raise TokenRefused(f"a token that expired {now - expires:.0f} s ago")
    if begins - SKEW_SECONDS > now:
        raise TokenRefused("a token from the future")
    if issued + _OLDEST_SECONDS < now:
        raise TokenRefused("a token that was issued long ago")


def _time(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TokenRefused("a token without times")
    return float(value)
