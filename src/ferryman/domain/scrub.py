"""Remove secrets from an app's requests and responses before they leave the platform."""

import re
from collections.abc import Iterable

import msgspec

HIDDEN = "[secret]"
SHORTEST = 8
"""Minimum characters of a secret; a shorter value, such as ``true``, may occur anywhere."""

_TOKEN = re.compile(rb"fm_[a-z]+_[\w-]{20,}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")
"""Matches the tokens that we issue, and all JSON web tokens."""

_END = rb"[^\s\"\\]"
_ADDRESS = re.compile(rb"(https?://[^\s\"\\?]+|/objects/[^\s\"\\?]+)\?" + _END + rb"+")
"""A signed URL opens a file. Error texts of HTTP clients often contain it without its host."""

_SIGNED = re.compile(
    rb"((?:signature|x-amz-credential|x-amz-security-token|awsaccesskeyid)(?:=|%3D))[^\s\"\\&]+",
    re.IGNORECASE,
)
"""Matches the rest of a signed URL that was taken apart, or has another path, as with S3."""


def scrubbed(text: bytes, secrets: Iterable[bytes] = ()) -> bytes:
    """Return a JSON text without tokens, ``secrets`` and the query strings of URLs.

    The result is still JSON: no replaced text contains a quotation mark or a backslash.
    """
    hidden = HIDDEN.encode()
    text = without(text, secrets)
    return _SIGNED.sub(rb"\1" + hidden, _ADDRESS.sub(rb"\1?" + hidden, text))


def without(text: bytes, secrets: Iterable[bytes]) -> bytes:
    """Return a JSON text without tokens and ``secrets``, given as :func:`as_json` returns them."""
    hidden = HIDDEN.encode()
    for secret in secrets:
        if secret in text:
            # Not at the letter of an escape: in "\night" a newline precedes "ight", not "night".
            text = re.sub(rb"(?<!\\)((?:\\\\)*)" + re.escape(secret), rb"\1" + hidden, text)
    return _TOKEN.sub(hidden, text)


def as_json(values: Iterable[str]) -> list[bytes]:
    """Return texts as they appear inside JSON, longest first, since one may contain another."""
    long = {value for value in values if len(value) >= SHORTEST}
    return [msgspec.json.encode(value)[1:-1] for value in sorted(long, key=len, reverse=True)]
