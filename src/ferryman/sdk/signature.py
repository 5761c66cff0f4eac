"""Sign and verify the tokens of Connect apps, using only the standard library.

HS256 with the secret that the app shares with the platform; ``qsh`` binds a token to one request
(connect-jwt).
"""

import hmac
import json
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ferryman.qsh import query_string_hash
from ferryman.sdk.errors import SignatureInvalid

LIFETIME_SECONDS = 180
_SKEW_SECONDS = 60
_LONGEST_TOKEN = 8192
_HEADER = urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=")


@dataclass(frozen=True, slots=True)
class ConnectSigner:
    """Signs the requests of one app; ``issuer`` is its key, ``now`` the time in seconds."""

    issuer: str
    secret: str = field(repr=False)
    now: Callable[[], float] = time.time

    def __call__(self, method: str, path: str, query: str) -> str:
        """Return the Authorization header of a request, valid for three minutes."""
        issued = int(self.now())
        claims = {
            "iss": self.issuer,
            "iat": issued,
            "exp": issued + LIFETIME_SECONDS,
            "qsh": query_string_hash(method, path, query),
        }
        signed = _HEADER + b"." + urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=")
        return f"JWT {(signed + b'.' + _mac(signed, self.secret)).decode()}"


def verify_webhook(
    authorization: str | None,
    secret: str,
    *,
    method: str,
    target: str,
    now: Callable[[], float] = time.time,
) -> dict[str, Any]:
    """Check that the platform sent this request to a Connect app; returns the token's claims.

    ``authorization`` is the request's header of that name. ``target`` is its path and query as
    they came over the wire, without the path of the app's own base URL. Raises
    ``SignatureInvalid``, to be answered with 401. Example::

        verify_webhook(request.headers.get("Authorization"), secret,
                       method="POST", target=request.full_path)
    """
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "jwt" or not token or len(token) > _LONGEST_TOKEN or not token.isascii():
        raise SignatureInvalid("expected `Authorization: JWT TOKEN`; found something else")
    signed, _, mac = token.strip().encode().rpartition(b".")
    if not hmac.compare_digest(mac, _mac(signed, secret)):
        raise SignatureInvalid("expected a token signed with the shared secret; found another")
    header, _, payload = signed.partition(b".")
    if _object(header).get("alg") != "HS256":
        raise SignatureInvalid("expected a token of the algorithm HS256; found another")
    claims = _object(payload)
    _check_times(claims, now())
    path, _, query = target.partition("?")
    given = claims.get("qsh")
    expected = query_string_hash(method, path, query, "")
    if not (isinstance(given, str) and hmac.compare_digest(given.encode(), expected.encode())):
        raise SignatureInvalid("expected the qsh of this request; found that of another")
    return claims


def _check_times(claims: dict[str, Any], now: float) -> None:
    issued, expires = claims.get("iat"), claims.get("exp")
    if type(issued) is not int or type(expires) is not int:
        raise SignatureInvalid("expected iat and exp in whole seconds; found something else")
    if issued > now + _SKEW_SECONDS:
        raise SignatureInvalid("expected a token of now; found one from the future")
    if expires + _SKEW_SECONDS <= now:
        raise SignatureInvalid("expected a token that has not expired; found one that has")


def _mac(signed: bytes, secret: str) -> bytes:
    return urlsafe_b64encode(hmac.digest(secret.encode(), signed, "sha256")).rstrip(b"=")


def _object(part: bytes) -> dict[str, Any]:
    try:
        document = json.loads(b64decode(part + b"=" * (-len(part) % 4), b"-_", validate=True))
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise SignatureInvalid("expected a JSON object in the token; found something else")
    return document
