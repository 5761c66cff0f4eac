"""Rules of the objects that Forge apps keep: names, sizes, checksums, lives (object-store-api)."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha1, sha256
from typing import Any, Protocol
from zlib import crc32

from ferryman import refusals
from ferryman.domain.crc32c import crc32c
from ferryman.domain.limits import OBJECT_BYTES, OBJECT_REQUEST_BYTES, SIGNED_URL_LIFE
from ferryman.object_vocab import ChecksumType

NO_TEXT = "a NUL character or half of a surrogate pair"
DEFAULT_TYPE = "application/octet-stream"
_TYPE = re.compile(r"[\x21-\x7e][\x20-\x7e]{0,254}", re.ASCII)


_BYTES = {
    ChecksumType.SHA1: 20,
    ChecksumType.SHA256: 32,
    ChecksumType.CRC32: 4,
    ChecksumType.CRC32C: 4,
}


@dataclass(frozen=True, slots=True)
class ObjectName:
    """The key of an object, in one of the two buckets of an app's site."""

    key: str
    cdn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NewObject:
    """An object that may be sent; with ``overwrite`` it may replace one."""

    name: ObjectName
    size: int
    checksum: str
    checksum_type: ChecksumType
    overwrite: bool = True


def enabled(manifest: Mapping[str, Any] | None) -> bool:
    """Return whether a manifest has an ``objectStore`` module."""
    modules = (manifest or {}).get("modules")
    entries = modules.get("objectStore") if isinstance(modules, Mapping) else None
    return isinstance(entries, list) and bool(entries)


def check_name(name: ObjectName) -> None:
    """Refuse a key that no object can have; raise :class:`Invalid` (``os_invalid_key``)."""
    if not name.key:
        raise refusals.app_object.KEY_INVALID(found="an empty one")
    if "\0" in name.key or name.key != name.key.encode("utf-8", "ignore").decode():
        raise refusals.app_object.KEY_INVALID(found=NO_TEXT)


def check_new(new: NewObject) -> None:
    """Refuse an object that could not be kept.

    Raises :class:`Invalid` (``os_invalid_key``, ``os_invalid_length``, ``os_invalid_checksum``)
    and :class:`LimitExceeded` (``os_object_too_large``).
    """
    check_name(new.name)
    length = len(new.name.key.encode())
    if length > OBJECT_REQUEST_BYTES:  # no call of the app could name it
        raise refusals.app_object.KEY_INVALID(found=f"one of {length} bytes")
    if new.size < 0:
        raise refusals.app_object.LENGTH_INVALID(found=new.size)
    if new.size > OBJECT_BYTES:
        raise refusals.app_object.TOO_LARGE(limit=OBJECT_BYTES, size=new.size)
    try:
        digest = base64.b64decode(new.checksum, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != _BYTES[new.checksum_type]:
        raise refusals.app_object.CHECKSUM_INVALID(
            size=_BYTES[new.checksum_type], kind=new.checksum_type, found=new.checksum
        )


def expiry(now: datetime, seconds: float | None) -> datetime:
    """Return when a URL ends that is asked for now.

    Raises :class:`Invalid` (``os_invalid_ttl``).
    """
    longest = SIGNED_URL_LIFE.total_seconds()
    if seconds is None:
        return now + SIGNED_URL_LIFE
    if not 1 <= seconds <= longest:
        raise refusals.app_object.TTL_INVALID(longest=round(longest), found=seconds)
    return now + timedelta(seconds=seconds)


def content_type(given: str | None) -> str:
    """Return the type that an object is kept with."""
    return given if given and _TYPE.fullmatch(given) else DEFAULT_TYPE


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


class Checksum:
    """A checksum of bytes that come in pieces."""

    def __init__(self, kind: ChecksumType) -> None:
        self._hash: _Hash
        match kind:
            case ChecksumType.SHA1:
                # It finds errors of transport, as the app asked for.
                self._hash = sha1(usedforsecurity=False)
            case ChecksumType.SHA256:
                self._hash = sha256()
            case ChecksumType.CRC32:
                self._hash = _Crc(crc32)
            case ChecksumType.CRC32C:
                self._hash = _Crc(crc32c)

    def update(self, data: bytes) -> None:
        """Add bytes."""
        self._hash.update(data)

    def text(self) -> str:
        """Return the checksum of all bytes so far, in base64."""
        return base64.b64encode(self._hash.digest()).decode()


class _Crc:
    def __init__(self, function: Any) -> None:
        self._function, self._value = function, 0

    def update(self, data: bytes) -> None:
        self._value = self._function(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")
