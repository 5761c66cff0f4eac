"""The digest over the digests of parts, from pieces of any size."""

from hashlib import sha256, shake_256

import pytest

from ferryman.digests import PartsHasher, parts_digest
from tests.kit.digests import parts_sha256

DATA = shake_256(b"harbour").digest(1_000)


@pytest.mark.parametrize("step", [1, 7, 299, 300, 301, 5_000])
def test_pieces_of_any_size_make_the_same_digest(step: int) -> None:
    hasher = PartsHasher([300, 300, 300, 100])
    for start in range(0, len(DATA), step):
        hasher.update(DATA[start : start + step])
    assert hasher.hexdigest() == parts_sha256(DATA, 300)


@pytest.mark.parametrize("wrong", [DATA[:-1], DATA + b"x", DATA[300:600] + DATA[:300], b""])
def test_other_bytes_make_another_digest(wrong: bytes) -> None:
    hasher = PartsHasher([300, 300, 300, 100])
    hasher.update(wrong)
    assert hasher.hexdigest() != parts_sha256(DATA, 300)


def test_an_empty_file_is_one_empty_part() -> None:
    assert PartsHasher([0]).hexdigest() == parts_sha256(b"", 300)


def test_an_unknown_digest_leaves_none() -> None:
    assert parts_digest([sha256(DATA).hexdigest(), None]) is None
