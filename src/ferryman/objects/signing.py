"""Signed URLs of the local store: one file, one method, one operation, until one instant.

All that a URL allows is in one query parameter of letters, digits, ``-``, ``_`` and ``.``: a
base64url text and the HMAC-SHA256 over method, key and that text. Clients sort the parameters of a
query and escape its characters as they like; here there is nothing to sort or to escape.
"""

import base64
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from urllib.parse import parse_qs, parse_qsl, urlencode

from ferryman.errors import Expired, NotAllowed

_SCHEME = "ferryman-url-2"
_PARAMETER = "signature"
_KEY = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


class Operation(StrEnum):
    """What a signed URL opens."""

    PART = "part"
    READ = "read"

    @property
    def method(self) -> str:
        """The one HTTP method signed for it (a read may also be asked with HEAD)."""
        return "PUT" if self is Operation.PART else "GET"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a signature allows. ``number``, ``size`` and ``sha256`` only for a part."""

    operation: Operation
    key: str
    expires_at: datetime
    number: int = 0
    size: int = 0
    sha256: str = ""
    name: str = ""


def is_key(text: str) -> bool:
    """Whether ``text`` is a UUID in its canonical spelling, the only form a key has."""
    return _KEY.fullmatch(text) is not None


def sign(secret: bytes, grant: Grant) -> str:
    """The query string that opens ``grant``; a fraction of a second of its expiry is dropped."""
    fields: dict[str, str] = {
        "operation": grant.operation,
        "expires": str(int(grant.expires_at.timestamp())),
    }
    if grant.operation is Operation.PART:
        fields |= {"part": str(grant.number), "size": str(grant.size), "sha256": grant.sha256}
    elif grant.name:
        fields["name"] = grant.name
    text = urlencode(fields, errors="replace").encode("ascii")
    allowed = base64.urlsafe_b64encode(text).rstrip(b"=").decode("ascii")
    mac = _mac(secret, grant.operation.method, grant.key, allowed)
    return f"{_PARAMETER}={allowed}.{mac}"


def check(secret: bytes, method: str, key: str, query: str, now: datetime) -> Grant:
    """What ``query`` allows ``method`` to do with ``key`` at ``now``.

    Raises ``NotAllowed`` (``signature_invalid``) unless all of it is exactly as signed, and
    ``Expired`` (``url_expired``) from the instant of expiry on.
    """
    signature = _signature(query)
    allowed, _, mac = signature.partition(".")
    wanted = _mac(secret, "GET" if method == "HEAD" else method, key, allowed)
    if not is_key(key) or not hmac.compare_digest(wanted.encode(), _bytes(mac)):
        raise NotAllowed(
            "signature_invalid",
            expected="a URL signed by this platform, with its own method, unchanged",
            found="no signature" if not signature else "a signature that does not fit",
            fix="Ask the platform for a URL, and use it with the path, the query and the method "
            "that it was given for.",
        )
    grant = _grant(key, allowed)
    if now >= grant.expires_at:
        raise Expired(
            "url_expired",
            expected=f"a request before {grant.expires_at.isoformat()}",
            found=now.isoformat(timespec="seconds"),
            fix="Ask the platform for a new URL.",
        )
    return grant


def _signature(query: str) -> str:
    """The one parameter, however a client wrote it; empty if there is another or none."""
    match parse_qsl(query):
        case [(name, value)] if name == _PARAMETER:
            return value
    return ""


def _mac(secret: bytes, method: str, key: str, allowed: str) -> str:
    text = "\n".join((_SCHEME, method, key, allowed))
    return hmac.new(secret, _bytes(text), sha256).hexdigest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _grant(key: str, allowed: str) -> Grant:
    """Only ever called with text that carries our signature."""
    text = base64.urlsafe_b64decode(allowed + "=" * (-len(allowed) % 4)).decode("ascii")
    fields = {name: values[0] for name, values in parse_qs(text).items()}
    return Grant(
        operation=Operation(fields["operation"]),
        key=key,
        expires_at=datetime.fromtimestamp(int(fields["expires"]), UTC),
        number=int(fields.get("part", 0)),
        size=int(fields.get("size", 0)),
        sha256=fields.get("sha256", ""),
        name=fields.get("name", ""),
    )
