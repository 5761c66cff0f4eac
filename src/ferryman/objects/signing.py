"""Signed URLs of the local store: one file, one method, one operation, until one instant.

The signature is an HMAC-SHA256 over method, key and the query string exactly as it is sent, so
nothing has to be parsed, normalised or ordered before it is known to be ours.
"""

import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from urllib.parse import parse_qs, quote, urlencode

from ferryman.errors import Expired, NotAllowed

_SCHEME = "ferryman-url-1"
_MARK = "&signature="
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
    query = urlencode(fields, quote_via=quote, errors="replace")
    return query + _MARK + _mac(secret, grant.operation.method, grant.key, query)


def check(secret: bytes, method: str, key: str, query: str, now: datetime) -> Grant:
    """What ``query`` allows ``method`` to do with ``key`` at ``now``.

    Raises ``NotAllowed`` (``signature_invalid``) unless all of it is exactly as signed, and
    ``Expired`` (``url_expired``) from the instant of expiry on.
    """
    signed, _, signature = query.rpartition(_MARK)
    wanted = _mac(secret, "GET" if method == "HEAD" else method, key, signed)
    if not is_key(key) or not hmac.compare_digest(wanted.encode(), _bytes(signature)):
        raise NotAllowed(
            "signature_invalid",
            expected="a URL signed by this platform, with its own method, unchanged",
            found="no signature" if not signature else "a signature that does not fit",
            fix="Ask the platform for a URL and use it exactly as it was given.",
        )
    grant = _grant(key, signed)
    if now >= grant.expires_at:
        raise Expired(
            "url_expired",
            expected=f"a request before {grant.expires_at.isoformat()}",
            found=now.isoformat(timespec="seconds"),
            fix="Ask the platform for a new URL.",
        )
    return grant


def _mac(secret: bytes, method: str, key: str, query: str) -> str:
    text = "\n".join((_SCHEME, method, key, query))
    return hmac.new(secret, _bytes(text), sha256).hexdigest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _grant(key: str, signed: str) -> Grant:
    """Only ever called with text that carries our signature."""
    fields = {name: values[0] for name, values in parse_qs(signed).items()}
    return Grant(
        operation=Operation(fields["operation"]),
        key=key,
        expires_at=datetime.fromtimestamp(int(fields["expires"]), UTC),
        number=int(fields.get("part", 0)),
        size=int(fields.get("size", 0)),
        sha256=fields.get("sha256", ""),
        name=fields.get("name", ""),
    )
