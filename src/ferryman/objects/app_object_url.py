"""Signed URLs of the objects that Forge apps keep: one key, one method, with an expiry.

Unlike URLs of the store itself they lead to the platform: apps send no header, and checksums of
kinds that no store verifies, so that the platform verifies what comes (ADR 91).
"""

import base64
import binascii
import hmac
from hashlib import sha256

import msgspec

from ferryman import refusals
from ferryman.object_vocab import ChecksumType

PATH = "/app/forge/objects"
_SCHEME = b"ferryman-object-1\n"
_SIGNATURE_BYTES = 32


class ObjectGrant(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What a URL allows: to read a key, or to send it an object of just this size and checksum.

    ``expires`` is in epoch seconds of platform time. ``checksum`` is empty in a URL to read.
    """

    app_id: str
    site: str
    key: str
    cdn: bool
    expires: int
    size: int = 0
    checksum: str = ""
    checksum_type: ChecksumType = ChecksumType.SHA256
    overwrite: bool = False

    @property
    def sends(self) -> bool:
        """Return whether it allows to send the object, and not to read it."""
        return bool(self.checksum)


def signed_path(secret: bytes, grant: ObjectGrant) -> str:
    """Return the path of a URL."""
    text = msgspec.json.encode(grant)
    return f"{PATH}/{_encoded(text + _signature(secret, text))}"


def verified(secret: bytes, token: str) -> ObjectGrant:
    """Return what a URL allows, read from the last part of its path.

    Raises :class:`NotAllowed` (``signature_invalid``) unless it is exactly as signed.
    """
    try:
        signed = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        signed = b""
    text, signature = signed[:-_SIGNATURE_BYTES], signed[-_SIGNATURE_BYTES:]
    if _encoded(signed) != token or not hmac.compare_digest(_signature(secret, text), signature):
        raise refusals.upload.SIGNATURE_INVALID(found="a signature that does not match")
    return msgspec.json.decode(text, type=ObjectGrant)


def _signature(secret: bytes, text: bytes) -> bytes:
    return hmac.digest(secret, _SCHEME + text, sha256)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
