"""Taking secrets out of what an app said or was told, before it leaves the platform."""

import re
from collections.abc import Iterable

import msgspec

HIDDEN = "[secret]"
SHORTEST = 8
"""Characters: a shorter value, such as ``true``, is no secret and may stand anywhere."""

_TOKEN = re.compile(rb"fm_[a-z]+_[\w-]{20,}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")
"""What we give out as tokens, and JSON web tokens of anyone."""

_END = rb"[^\s\"\\]"
_ADDRESS = re.compile(rb"(https?://[^\s\"\\?]+|/objects/[^\s\"\\?]+)\?" + _END + rb"+")
"""A signed URL opens a file. Error texts of HTTP clients often hold it without its host."""

_SIGNED = re.compile(
    rb"((?:signature|x-amz-credential|x-amz-security-token|awsaccesskeyid)(?:=|%3D))[^\s\"\\&]+",
    re.IGNORECASE,
)
"""What is left of one that was taken apart, or stands on another path, as at an S3 store."""


def scrubbed(text: bytes, secrets: Iterable[bytes] = ()) -> bytes:
    """A JSON text without the queries of addresses, without tokens and ``secrets``.

    It stays JSON: nothing that is replaced holds a quotation mark or a backslash.
    """
    hidden = HIDDEN.encode()
    text = without(text, secrets)
    return _SIGNED.sub(rb"\1" + hidden, _ADDRESS.sub(rb"\1?" + hidden, text))


def without(text: bytes, secrets: Iterable[bytes]) -> bytes:
    """A JSON text without tokens and ``secrets``, which are as :func:`as_json` gives them."""
    hidden = HIDDEN.encode()
    for secret in secrets:
        if secret in text:
            # Not the letter of an escape: after \\n the secret "night…" begins at "ight".
            text = re.sub(rb"(?<!\\)((?:\\\\)*)" + re.escape(secret), rb"\1" + hidden, text)
    return _TOKEN.sub(hidden, text)


def as_json(values: Iterable[str]) -> list[bytes]:
    """How texts look within JSON; the longest first, as one may be a part of another."""
    long = {value for value in values if len(value) >= SHORTEST}
    return [msgspec.json.encode(value)[1:-1] for value in sorted(long, key=len, reverse=True)]
