"""Signed (presigned) URLs of the local store: one file, one method, one operation, with an expiry.

A URL has a single query parameter, made of letters, digits, ``-``, ``_`` and ``.``: base64url text
and the HMAC-SHA256 over method, key and that text. Clients reorder parameters and escape characters
as they like; here there is nothing to reorder or escape.
"""

import base64
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from urllib.parse import parse_qs, parse_qsl, quote, urlencode

from ferryman import refusals
from ferryman.wire.upload import PartRequest

_SCHEME = "ferryman-url-2"
_PARAMETER = "signature"
_KEY = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


class UrlOperation(StrEnum):
    """Operations that a signed URL can allow."""

    PART = "part"
    FILE = "file"
    READ = "read"

    @property
    def method(self) -> str:
        """Return the HTTP method that is signed (HEAD is also accepted for a read)."""
        return "GET" if self is UrlOperation.READ else "PUT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The request that a signature allows; only a PUT has ``number``, ``size`` and ``sha256``.

    For a GET, ``app`` is the reader, and ``name`` the name of the download. A part belongs to an
    upload in parts; ``FILE`` sends a whole file, which has no other part.
    """

    operation: UrlOperation
    key: str
    expires_at: datetime
    number: int = 0
    size: int = 0
    sha256: str = ""
    name: str = ""
    app: str = ""


def part_grant(key: str, part: PartRequest, expires_at: datetime, *, alone: bool = False) -> Grant:
    """Return the grant to send one part; ``alone`` if it is the whole file."""
    return Grant(
        operation=UrlOperation.FILE if alone else UrlOperation.PART,
        key=key,
        expires_at=expires_at,
        number=part.number,
        size=part.size,
        sha256=part.sha256,
    )


def read_grant(key: str, expires_at: datetime, name: str, app: str = "") -> Grant:
    """Return the right of ``app`` to read a file, as a download called ``name``."""
    return Grant(operation=UrlOperation.READ, key=key, expires_at=expires_at, name=name, app=app)


def is_key(text: str) -> bool:
    """Return whether ``text`` is a UUID in canonical form, the only form of a key."""
    return _KEY.fullmatch(text) is not None


def sign(secret: bytes, grant: Grant) -> str:
    """Return the query string for ``grant``; its expiry is truncated to whole seconds."""
    fields: dict[str, str] = {
        "operation": grant.operation,
        "expires": str(int(grant.expires_at.timestamp())),
    }
    if grant.operation is not UrlOperation.READ:
        fields |= {"part": str(grant.number), "size": str(grant.size), "sha256": grant.sha256}
    else:
        fields |= {"name": grant.name} if grant.name else {}
        fields |= {"app": grant.app} if grant.app else {}
    text = urlencode(fields, errors="replace").encode("ascii")
    allowed = base64.urlsafe_b64encode(text).rstrip(b"=").decode("ascii")
    mac = _mac(secret, grant.operation.method, grant.key, allowed)
    return f"{_PARAMETER}={allowed}.{mac}"


def verify(secret: bytes, method: str, key: str, query: str, now: datetime) -> Grant:
    """Return what ``query`` allows ``method`` to do with ``key`` at ``now``.

    Raises ``NotAllowed`` (``signature_invalid``) unless all of it is exactly as signed, and
    ``Expired`` (``url_expired``) from the instant of expiry on.
    """
    signature = _signature(query)
    allowed, _, mac = signature.partition(".")
    expected = _mac(secret, "GET" if method == "HEAD" else method, key, allowed)
    if not is_key(key) or not hmac.compare_digest(expected.encode(), _bytes(mac)):
        raise refusals.upload.SIGNATURE_INVALID(
            found="no signature" if not signature else "a signature that does not match"
        )
    grant = _grant(key, allowed)
    if now >= grant.expires_at:
        raise refusals.upload.URL_EXPIRED(
            expires_at=grant.expires_at.isoformat(), now=now.isoformat(timespec="seconds")
        )
    return grant


def _signature(query: str) -> str:
    """Return the only parameter, however the client encoded it; empty if there are others."""
    match parse_qsl(query):
        case [(name, value)] if name == _PARAMETER:
            return value
    return ""


def _mac(secret: bytes, method: str, key: str, allowed: str) -> str:
    text = "\n".join((_SCHEME, method, key, allowed))
    return hmac.digest(secret, _bytes(text), "sha256").hex()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _grant(key: str, allowed: str) -> Grant:
    """Decode a grant whose signature was verified."""
    text = base64.urlsafe_b64decode(allowed + "=" * (-len(allowed) % 4)).decode("ascii")
    fields = {name: values[0] for name, values in parse_qs(text).items()}
    return Grant(
        operation=UrlOperation(fields["operation"]),
        key=key,
        expires_at=datetime.fromtimestamp(int(fields["expires"]), UTC),
        number=int(fields.get("part", 0)),
        size=int(fields.get("size", 0)),
        sha256=fields.get("sha256", ""),
        name=fields.get("name", ""),
        app=fields.get("app", ""),
    )


def disposition(name: str) -> str:
    """Return the Content-Disposition of a download (RFC 6266), in ASCII.

    It holds a plain name for old clients and the exact one for all others.
    """
    if not name:
        return "attachment"
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in name)
    exact = quote(name, safe="", errors="replace")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}"
