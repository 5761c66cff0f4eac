"""Reading in pieces of any size finds any difference."""

from hashlib import md5, sha256, shake_256

import pytest

from ferryman.digests import parts_digest
from ferryman.domain.proof import FileVerifier
from ferryman.wire.upload import StoredPart

DATA = shake_256(b"harbour").digest(1_000)
SIZES = (300, 300, 300, 100)


def parts(data: bytes = DATA, *, etags: str = "sha256") -> list[StoredPart]:
    found, start = [], 0
    for number, size in enumerate(SIZES, start=1):
        piece = data[start : start + size]
        start += size
        digest = sha256(piece).hexdigest()
        etag = md5(piece, usedforsecurity=False).hexdigest()
        made = {
            "sha256": StoredPart(number=number, size=size, etag="", sha256=digest),
            "md5": StoredPart(number=number, size=size, etag=f'"{etag}"'),
            "opaque": StoredPart(number=number, size=size, etag="kms-7"),
        }
        found.append(made[etags])
    return found


def read(data: bytes, expected: list[StoredPart], step: int) -> list[str]:
    reading = FileVerifier(expected, sha256(DATA).hexdigest())
    for start in range(0, len(data), step):
        reading.feed(data[start : start + step])
    return reading.differences(len(DATA))


@pytest.mark.parametrize("etags", ["sha256", "md5", "opaque"])
@pytest.mark.parametrize("step", [1, 7, 299, 300, 301, 600, 5_000])
def test_what_is_right_differs_in_nothing(step: int, etags: str) -> None:
    assert read(DATA, parts(etags=etags), step) == []


@pytest.mark.parametrize("etags", ["sha256", "md5"])
@pytest.mark.parametrize(("place", "number"), [(0, 1), (299, 1), (300, 2), (899, 3), (999, 4)])
def test_a_flipped_byte_is_found_in_its_part(place: int, number: int, etags: str) -> None:
    wrong = bytearray(DATA)
    wrong[place] ^= 1
    found = read(bytes(wrong), parts(etags=etags), 64)
    assert [each.partition(":")[0] for each in found] == ["sha256", f"part {number}"]


@pytest.mark.parametrize("end", [0, 1, 299, 300, 999])
def test_a_short_file_ends_within_a_part(end: int) -> None:
    found = read(DATA[:end], parts(), 64)
    assert found[0].startswith("size: 1000 bytes were accepted")
    assert found[-1].startswith("parts: it ends within part")


def test_a_long_file_and_swapped_parts() -> None:
    assert [each[:4] for each in read(DATA + b"x", parts(), 64)] == ["size", "sha2"]
    swapped = DATA[300:600] + DATA[:300] + DATA[600:]
    found = [each.partition(":")[0] for each in read(swapped, parts(), 64)]
    assert found == ["sha256", "part 1", "part 2"]


def test_an_empty_file_is_one_empty_part() -> None:
    nothing = sha256().hexdigest()
    part = StoredPart(number=1, size=0, etag=nothing, sha256=nothing)
    assert FileVerifier([part], nothing).differences(0) == []
    assert FileVerifier([], nothing).differences(0) == []
    wrong = StoredPart(number=1, size=0, etag="", sha256="0" * 64)
    assert len(FileVerifier([wrong], nothing).differences(0)) == 1


@pytest.mark.parametrize("etags", ["sha256", "md5"])
def test_without_a_digest_of_the_whole_the_parts_prove_it(etags: str) -> None:
    for data, wrong in ((DATA, []), (DATA[300:600] + DATA[:300] + DATA[600:], [1, 2])):
        reading = FileVerifier(parts(etags=etags), None)
        reading.feed(data)
        found = [each.partition(":")[0] for each in reading.differences(len(DATA))]
        assert found == [f"part {number}" for number in wrong]
        assert reading.sha256 is None
        read = parts_digest(part.sha256 for part in parts(data, etags=etags))
        assert reading.parts_sha256 == read
        assert (read is None) == (etags == "md5")
