"""Signing URLs for S3: AWS Signature Version 4 in the query string (s3-sigv4).

botocore signs a URL in about a millisecond, most of it spent in finding the endpoint anew, and
reads the time by itself. An upload asks for a thousand URLs at once, in an event loop that others
wait for; so the rule stands here, without IO and without a clock. A test compares it with
botocore's, and Ceph checks every signature in the behaviour suite.
"""

import hmac
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from urllib.parse import quote, urlsplit

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Keys:
    """An access key; ``token`` only for a temporary one."""

    access: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


def presign(
    method: str,
    url: str,
    *,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    keys: Keys,
    region: str,
    at: datetime,
    life: timedelta,
) -> str:
    """``url`` with ``query`` and a signature that holds from ``at`` for ``life``.

    ``url`` has its path encoded and no query. Whoever uses it has to send ``headers`` exactly.
    """
    stamp = f"{at:%Y%m%dT%H%M%SZ}"
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    parts = urlsplit(url)
    signed = {"host": parts.netloc} | {name.lower(): text for name, text in headers.items()}
    names = ";".join(sorted(signed))
    fields = {
        **query,
        "X-Amz-Algorithm": _ALGORITHM,
        "X-Amz-Credential": f"{keys.access}/{scope}",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": str(max(1, int(life.total_seconds()))),
        "X-Amz-SignedHeaders": names,
    }
    if keys.token:
        fields["X-Amz-Security-Token"] = keys.token
    encoded = sorted((quote(name, safe=""), quote(text, safe="")) for name, text in fields.items())
    text = "&".join(f"{name}={value}" for name, value in encoded)
    canonical = "\n".join(
        (
            method,
            parts.path or "/",
            text,
            *(f"{name}:{signed[name]}" for name in sorted(signed)),
            "",
            names,
            "UNSIGNED-PAYLOAD",
        )
    )
    wanted = "\n".join((_ALGORITHM, stamp, scope, sha256(canonical.encode()).hexdigest()))
    key = _signing_key(keys.secret, stamp[:8], region)
    return f"{url}?{text}&X-Amz-Signature={hmac.new(key, wanted.encode(), sha256).hexdigest()}"


def part_fields(
    number: int, upload_id: str, size: int, digest: str
) -> tuple[dict[str, str], dict[str, str]]:
    """Query and headers that the URL of a part signs; ``digest`` is the md5 of its bytes."""
    return {"partNumber": str(number), "uploadId": upload_id}, {
        "Content-Length": str(size),
        "Content-MD5": b64encode(bytes.fromhex(digest)).decode(),
    }


@lru_cache(maxsize=4)
def _signing_key(secret: str, day: str, region: str) -> bytes:
    """The same for all URLs of one day."""
    key = f"AWS4{secret}".encode()
    for step in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, step.encode(), "sha256")
    return key
