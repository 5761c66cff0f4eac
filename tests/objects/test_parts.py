"""Which lists of parts make a file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.errors import Invalid, LimitExceeded
from ferryman.objects.parts import check_parts
from ferryman.wire.upload import StoredPart


def part(number: int, size: int = 10, sha256: str | None = "a", etag: str = "e") -> StoredPart:
    return StoredPart(number=number, size=size, sha256=sha256, etag=etag)


def chosen(parts: list[StoredPart], held: list[StoredPart]) -> list[StoredPart]:
    return check_parts(parts, min_part_size=10, max_parts=5, held=held)


def test_the_stored_parts_are_chosen_in_order() -> None:
    held = [part(1), part(2, sha256="b"), part(2, sha256="c"), part(3, size=1)]
    assert chosen([held[3], held[0], held[2]], held) == [held[0], held[2], held[3]]


def test_the_last_part_may_be_small_and_only_it() -> None:
    assert chosen([part(1, size=0)], [part(1, size=0)])
    with pytest.raises(Invalid, match="part_too_small"):
        chosen([part(1, size=9), part(2)], [part(1, size=9), part(2)])


@pytest.mark.parametrize("numbers", [[2], [1, 3], [0], [-1, 1], []])
def test_a_gap_is_refused(numbers: list[int]) -> None:
    parts = [part(number) for number in numbers]
    with pytest.raises(Invalid, match=r"part_missing|part_repeated"):
        chosen(parts, parts)


def test_a_repeated_number_is_refused_even_with_equal_bytes() -> None:
    with pytest.raises(Invalid, match="part_repeated"):
        chosen([part(1), part(1)], [part(1)])


def test_a_part_that_is_not_held_is_missing() -> None:
    with pytest.raises(Invalid, match="part_missing"):
        chosen([part(1), part(2)], [part(1)])


@pytest.mark.parametrize("wrong", [part(1, size=11), part(1, sha256="b"), part(1, sha256="")])
def test_another_size_or_digest_is_a_mismatch(wrong: StoredPart) -> None:
    with pytest.raises(Invalid, match="part_mismatch"):
        chosen([wrong], [part(1)])


def test_where_a_digest_is_missing_the_etag_speaks() -> None:
    held = [part(1, sha256=None, etag='"e"')]
    assert chosen([part(1, sha256="anything", etag="e")], held) == held
    with pytest.raises(Invalid, match="part_mismatch"):
        chosen([part(1, etag="f")], held)


def test_more_parts_than_the_store_takes_are_refused() -> None:
    parts = [part(number) for number in range(1, 7)]
    with pytest.raises(LimitExceeded, match="too_many_parts"):
        chosen(parts, parts)


@given(st.lists(st.integers(-2, 7), max_size=8))
def test_only_1_to_n_passes(numbers: list[int]) -> None:
    parts = [part(number) for number in numbers]
    if sorted(numbers) == list(range(1, len(numbers) + 1)) and 1 <= len(numbers) <= 5:
        assert [found.number for found in chosen(parts, parts)] == sorted(numbers)
    else:
        with pytest.raises((Invalid, LimitExceeded)):
            chosen(parts, parts)
