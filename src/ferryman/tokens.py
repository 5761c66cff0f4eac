"""Sign the tokens that the platform sends to remotes, and that apps call back with.

All are RS256. No clock is read here: every function takes ``now``, an aware datetime.
``token_check.py`` verifies what comes back.
"""

import base64
import hashlib
import json
from collections.abc import Iterable
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

from ferryman.wire.report import AUDIENCE as REPORT_AUDIENCE

INVOCATION_ISSUER = "forge/invocation-token"
SYSTEM_ISSUER = "ferryman"
SYSTEM_AUDIENCE = "api"
RECEIPT_AUDIENCE = "expunge-receipt"
SYSTEM_SCOPE = "read:app-system-token"
INVOCATION_LIFETIME = timedelta(minutes=5)
SYSTEM_LIFETIME = timedelta(hours=1)
INSTALL_LIFETIME = timedelta(minutes=3)

_FORGE_TYPES = {"development", "staging", "production"}


@dataclass(frozen=True, slots=True, repr=False)
class SigningKey:
    """A private key (PKCS #8, PEM) and the ``kid`` by which others find its public key."""

    kid: str
    private_pem: bytes

    @classmethod
    def generate(cls) -> Self:
        """Generate an RSA key of 2048 bits; ``kid`` is its RFC 7638 thumbprint."""
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
        """Return the public key; raise ``ValueError`` if the PEM holds no RSA key."""
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
    """Return the public key as PEM, as the key URL of installs serves it."""
    return key.public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def install_token(
    key: SigningKey, *, client_key: str, audience: str, qsh: str, now: datetime
) -> str:
    """Sign the token that proves to a Connect app who installs it (connect-lifecycle).

    It is valid for 3 minutes. ``audience`` is the app's base URL as its descriptor writes it.
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
    """Return the UUID of an app, which its manifest may give as an ARI; else the app's own id."""
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
    """Sign the token that proves to a remote that the platform calls (remote-contract).

    It is valid for 5 minutes. ``forge_app_id`` may be a UUID or an ARI; without one the app's own
    id is used.
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
            # Events are not caused by a user.
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
    """Sign the token with which an app calls the platform back, valid for one hour by default."""
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


def receipt_token(key: SigningKey, facts: dict[str, object]) -> str:
    """Sign a receipt of what was deleted; it does not expire, and authenticates nobody."""
    return _sign(key, {"iss": SYSTEM_ISSUER, "aud": RECEIPT_AUDIENCE, **facts})


def report_token(key: SigningKey, facts: dict[str, object]) -> str:
    """Sign a report of a migration; it does not expire, and authenticates nobody."""
    return _sign(key, {"iss": SYSTEM_ISSUER, "aud": REPORT_AUDIENCE, **facts})


def jwks(keys: Iterable[SigningKey]) -> dict[str, list[dict[str, Any]]]:
    """Return the public keys, as ``/.well-known/jwks.json`` serves them (RFC 7517)."""
    return {"keys": [dict(_jwk(key)) for key in keys]}


@lru_cache(maxsize=16)
def _jwk(key: SigningKey) -> dict[str, Any]:
    members: dict[str, Any] = RSAAlgorithm.to_jwk(key.public, as_dict=True)
    return members | {"kid": key.kid, "alg": "RS256", "use": "sig", "key_ops": ["verify"]}
