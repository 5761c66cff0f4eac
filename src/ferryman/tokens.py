"""The signed tokens of the platform: what it sends to remotes and what apps come back with.

RS256 throughout. No clock is read here: every function is told ``now``, an aware datetime.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPublicKey,
    generate_private_key,
)
from jwt.algorithms import RSAAlgorithm

from ferryman.errors import NotAuthenticated

INVOCATION_ISSUER = "forge/invocation-token"
SYSTEM_ISSUER = "ferryman"
SYSTEM_AUDIENCE = "api"
SYSTEM_SCOPE = "read:app-system-token"
INVOCATION_LIFETIME = timedelta(minutes=5)
SYSTEM_LIFETIME = timedelta(hours=1)
INSTALL_LIFETIME = timedelta(minutes=3)

_TOKEN_CHARACTERS = 8192
_FORGE_TYPES = {"development", "staging", "production"}


@dataclass(frozen=True, slots=True, repr=False)
class SigningKey:
    """A private key (PKCS #8, PEM) and the ``kid`` by which others find its public half."""

    kid: str
    private_pem: bytes

    @classmethod
    def generate(cls) -> Self:
        """A new RSA key of 2048 bits; ``kid`` is its RFC 7638 thumbprint."""
        private = generate_private_key(public_exponent=65537, key_size=2048)
        pem = private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        members = RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
        canonical = json.dumps(
            {name: members[name] for name in ("e", "kty", "n")}, separators=(",", ":")
        )
        digest = hashlib.sha256(canonical.encode()).digest()
        return cls(base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), pem)

    @property
    def public(self) -> RSAPublicKey:
        """The half that verifies; ``ValueError`` if the PEM holds no RSA key."""
        return _private(self.private_pem).public_key()


@lru_cache(maxsize=16)
def _private(pem: bytes) -> RSAPrivateKey:
    # Loading checks the primes, which takes as long as hundreds of signatures.
    key = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("the signing key is not an RSA key")
    return key


def _sign(key: SigningKey, claims: dict[str, object]) -> str:
    return jwt.encode(
        claims, _private(key.private_pem), algorithm="RS256", headers={"kid": key.kid}
    )


def public_pem(key: SigningKey) -> bytes:
    """The public half, as the key URL of installs serves it."""
    return key.public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def install_token(
    key: SigningKey, *, client_key: str, audience: str, qsh: str, now: datetime
) -> str:
    """The token by which a Connect app knows who installs it, 3 minutes (connect-lifecycle).

    ``audience`` is the app's base URL as its descriptor writes it.
    """
    issued = int(now.timestamp())
    return _sign(
        key,
        {
            "iss": client_key,
            "aud": audience,
            "iat": issued,
            "exp": issued + int(INSTALL_LIFETIME.total_seconds()),
            "qsh": qsh,
        },
    )


def bare_app_id(forge_app_id: str | None, app_id: str) -> str:
    """The UUID of an app, which its manifest may give as a whole ARI; else the app's own id."""
    return (forge_app_id or app_id).rpartition("/")[2]


def invocation_token(
    key: SigningKey,
    *,
    app_id: str,
    forge_app_id: str | None,
    environment: str,
    cloud_url: str,
    cloud_id: str,
    installation_id: str,
    api_base_url: str,
    now: datetime,
) -> str:
    """The token by which a remote knows that the platform calls (remote-contract), 5 minutes.

    ``forge_app_id`` may be a UUID or a whole ARI; without one the app's own id stands in.
    """
    uuid = bare_app_id(forge_app_id, app_id)
    ari = f"ari:cloud:ecosystem::app/{uuid}"
    issued = int(now.timestamp())
    kind = environment if environment in _FORGE_TYPES else "development"
    return _sign(
        key,
        {
            "iss": INVOCATION_ISSUER,
            "aud": ari,
            "iat": issued,
            "nbf": issued,
            "exp": issued + int(INVOCATION_LIFETIME.total_seconds()),
            "app": {
                "id": ari,
                "installationId": installation_id,
                "apiBaseUrl": api_base_url,
                "installation": {
                    "id": installation_id,
                    "contexts": [{"name": "site", "cloudId": cloud_id, "apiBaseUrl": api_base_url}],
                },
                "environment": {
                    "type": kind.upper(),
                    "id": f"ari:cloud:ecosystem::environment/{uuid}/{environment}",
                },
            },
            "context": {"cloudId": cloud_id, "siteUrl": cloud_url},
            # No user stands behind an event.
            "principal": None,
        },
    )


def system_token(
    key: SigningKey,
    *,
    app_id: str,
    environment: str,
    site: str,
    now: datetime,
    lifetime: timedelta = SYSTEM_LIFETIME,
) -> str:
    """The token by which an app calls the platform back; good for one hour by default."""
    issued = int(now.timestamp())
    return _sign(
        key,
        {
            "iss": SYSTEM_ISSUER,
            "aud": SYSTEM_AUDIENCE,
            "sub": app_id,
            "environment": environment,
            "site": site,
            "scope": SYSTEM_SCOPE,
            "iat": issued,
            "nbf": issued,
            "exp": issued + int(lifetime.total_seconds()),
        },
    )


def verify_system_token(
    token: str, keys: Mapping[str, RSAPublicKey], now: datetime
) -> dict[str, Any]:
    """The claims of a system token that one of ``keys`` (by ``kid``) signed and that is in time.

    Raises ``NotAuthenticated`` for anything else; what the token says is never trusted in
    choosing the algorithm, so ``none`` and HMAC with the public key are refused.
    """
    claims = _signed_claims(token, keys)
    instant = now.timestamp()
    # Checked here because the library would look at the wall clock.
    times = [claims["nbf"], claims["exp"]]
    if not all(type(time) is int for time in times):
        raise _refusal("times that are no whole numbers")
    if instant < times[0]:
        raise _refusal("a token that is not valid yet")
    if instant >= times[1]:
        raise _refusal("a token that has expired")
    for name, what in (("sub", "app"), ("environment", "environment"), ("site", "site")):
        if not isinstance(claims[name], str) or not claims[name]:
            raise _refusal(f"a token without its {what}")
    if SYSTEM_SCOPE not in str(claims["scope"]).split():
        raise _refusal(f"a token without the scope {SYSTEM_SCOPE}")
    return claims


def _signed_claims(token: str, keys: Mapping[str, RSAPublicKey]) -> dict[str, Any]:
    if len(token) > _TOKEN_CHARACTERS or not token.isascii():
        raise _refusal("something else")
    try:
        kid = jwt.get_unverified_header(token).get("kid")
        key = keys.get(kid) if isinstance(kid, str) else None
        if key is None:
            raise _refusal("a token signed with an unknown key")
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
        raise _refusal(f"one that cannot be accepted ({type(error).__name__})") from error


def _refusal(found: str) -> NotAuthenticated:
    return NotAuthenticated(
        "system_token_invalid",
        expected="an app system token that this platform signed and that has not expired",
        found=found,
        fix="Use the token that came with the latest event; a later event brings a new one.",
    )


def jwks(keys: Iterable[SigningKey]) -> dict[str, list[dict[str, Any]]]:
    """The public halves, as ``/.well-known/jwks.json`` serves them (RFC 7517)."""
    return {
        "keys": [
            RSAAlgorithm.to_jwk(key.public, as_dict=True)
            | {"kid": key.kid, "alg": "RS256", "use": "sig", "key_ops": ["verify"]}
            for key in keys
        ]
    }
