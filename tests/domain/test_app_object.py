"""Objects of apps: what may be kept, and checksums of every kind."""

import base64
import random
from datetime import UTC, datetime, timedelta
from hashlib import sha1, sha256
from zlib import crc32

import pytest

from ferryman.domain import app_object as object_rules
from ferryman.domain.app_object import Checksum, NewObject, ObjectName
from ferryman.domain.crc32c import crc32c
from ferryman.domain.limits import OBJECT_BYTES
from ferryman.errors import Invalid, LimitExceeded, PlatformError
from ferryman.object_vocab import ChecksumType

NOW = datetime(2026, 12, 1, tzinfo=UTC)


def new(**changed: object) -> NewObject:
    members = {
        "name": ObjectName("a.png"),
        "size": 3,
        "checksum": "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
        "checksum_type": ChecksumType.SHA256,
    }
    return NewObject(**{**members, **changed})  # type: ignore[arg-type]


REFUSED = (
    ({"name": ObjectName("")}, Invalid, "os_invalid_key"),
    ({"name": ObjectName("a\0")}, Invalid, "os_invalid_key"),
    ({"name": ObjectName("\ud800")}, Invalid, "os_invalid_key"),
    ({"name": ObjectName("é" * 513)}, Invalid, "os_invalid_key"),
    ({"size": -1}, Invalid, "os_invalid_length"),
    ({"size": OBJECT_BYTES + 1}, LimitExceeded, "os_object_too_large"),
    ({"checksum": ""}, Invalid, "os_invalid_checksum"),
    ({"checksum": sha256(b"").hexdigest()}, Invalid, "os_invalid_checksum"),
    ({"checksum": "♥"}, Invalid, "os_invalid_checksum"),
    ({"checksum_type": ChecksumType.SHA1}, Invalid, "os_invalid_checksum"),
)


@pytest.mark.parametrize(("changed", "kind", "code"), REFUSED, ids=range(len(REFUSED)))
def test_what_can_not_be_kept_is_refused(
    changed: dict[str, object], kind: type[PlatformError], code: str
) -> None:
    with pytest.raises(kind, match=code):
        object_rules.check_new(new(**changed))


def test_the_largest_and_the_smallest_may_be_kept() -> None:
    for size in (0, OBJECT_BYTES):
        object_rules.check_new(new(size=size, name=ObjectName("k" * 1024)))


def test_a_url_lasts_an_hour_at_most() -> None:
    assert object_rules.expiry(NOW, None) == NOW + timedelta(hours=1)
    assert object_rules.expiry(NOW, 3_600) == NOW + timedelta(hours=1)
    assert object_rules.expiry(NOW, 1) == NOW + timedelta(seconds=1)
    for seconds in (0, -1, 3_601, float("inf"), float("nan")):
        with pytest.raises(Invalid, match="os_invalid_ttl"):
            object_rules.expiry(NOW, seconds)


def test_a_type_that_is_no_header_is_not_kept() -> None:
    assert object_rules.content_type("image/png; q=1") == "image/png; q=1"
    for given in (None, "", "a\nb", "é", " ", "x" * 256):
        assert object_rules.content_type(given) == "application/octet-stream"


DATA = random.Random(7).randbytes(200_000)  # noqa: S311 - no secret


@pytest.mark.parametrize("kind", ChecksumType)
def test_a_checksum_does_not_depend_on_the_pieces(kind: ChecksumType) -> None:
    whole = {
        ChecksumType.SHA1: sha1(DATA, usedforsecurity=False).digest(),
        ChecksumType.SHA256: sha256(DATA).digest(),
        ChecksumType.CRC32: crc32(DATA).to_bytes(4),
        ChecksumType.CRC32C: bytewise(DATA).to_bytes(4),
    }[kind]
    checksum = Checksum(kind)
    for start, end in ((0, 1), (1, 130_001), (130_001, 130_001), (130_001, 200_000)):
        checksum.update(DATA[start:end])
    assert base64.b64decode(checksum.text()) == whole


def test_crc32c_is_that_of_the_standard() -> None:
    """Its check value, and an example of RFC 3720, appendix B.4."""
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(range(32))) == 0x46DD794E
    assert crc32c(b"") == 0


@pytest.mark.parametrize("size", [0, 1, (64 << 10) - 1, 64 << 10, (64 << 10) + 1, 199_999])
def test_crc32c_of_long_data_is_that_of_its_bytes(size: int) -> None:
    assert crc32c(DATA[:size], 0x1234567) == bytewise(DATA[:size], 0x1234567)


def bytewise(data: bytes, value: int = 0) -> int:
    """CRC-32C as it is defined, bit by bit."""
    state = value ^ 0xFFFFFFFF
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = state >> 1 ^ (0x82F63B78 if state & 1 else 0)
    return state ^ 0xFFFFFFFF
