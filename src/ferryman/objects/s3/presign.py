"""Presign URLs for S3: AWS Signature Version 4 in the query string (s3-sigv4).

botocore takes about a millisecond per URL, mostly to resolve the endpoint again, and reads the time
itself. An upload asks for a thousand URLs at once, in an event loop that others wait for. So the
rule is implemented here, without IO and without a clock. A test compares it with botocore's, and
Ceph checks every signature in the behaviour suite.
"""

import hmac
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from urllib.parse import quote, urlsplit

from ferryman.objects.signed_url import disposition

_ALGORITHM = "AWS4-HMAC-SHA256"

CONTENT_SHA256 = "x-amz-content-sha256"
"""The header in which a URL can sign the digest of its body; not all stores verify it."""

SHA256_DIGITS = 64
"""The length of a sha256 in hex, which tells it from an md5."""


@dataclass(frozen=True, slots=True)
class AccessKeys:
    """An access key; ``token`` is set only for a temporary one."""

    access: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


def presign(
    method: str,
    url: str,
    *,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    keys: AccessKeys,
    region: str,
    at: datetime,
    life: timedelta,
) -> str:
    """Return ``url`` with ``query`` and a signature that is valid from ``at`` for ``life``.

    ``url`` has an encoded path and no query. The client must send exactly ``headers``.
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
            # A store that verifies this header signs its value in the place of the payload's.
            signed.get(CONTENT_SHA256, "UNSIGNED-PAYLOAD"),
        )
    )
    to_sign = "\n".join((_ALGORITHM, stamp, scope, sha256(canonical.encode()).hexdigest()))
    key = _signing_key(keys.secret, stamp[:8], region)
    return f"{url}?{text}&X-Amz-Signature={hmac.new(key, to_sign.encode(), sha256).hexdigest()}"


def part_fields(
    number: int, upload_id: str, size: int, digest: str
) -> tuple[dict[str, str], dict[str, str]]:
    """Return query and headers that the URL of a part signs; see :func:`body_headers`."""
    return {"partNumber": str(number), "uploadId": upload_id}, body_headers(size, digest)


def body_headers(size: int, digest: str) -> dict[str, str]:
    """Return the headers that bind a URL to one body: its size and md5 or sha256, in hex."""
    if len(digest) == SHA256_DIGITS:
        return {"Content-Length": str(size), CONTENT_SHA256: digest}
    return {
        "Content-Length": str(size),
        "Content-MD5": b64encode(bytes.fromhex(digest)).decode(),
    }


@lru_cache(maxsize=4)
def _signing_key(secret: str, day: str, region: str) -> bytes:
    """Return the signing key, which is the same for all URLs of one day."""
    key = f"AWS4{secret}".encode()
    for step in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, step.encode(), "sha256")
    return key


def read_fields(download_name: str) -> dict[str, str]:
    """Return the query to sign for a download that browsers neither show nor cache."""
    return {
        "response-cache-control": "private, no-store",
        "response-content-disposition": disposition(download_name),
        "response-content-type": "application/octet-stream",
    }
