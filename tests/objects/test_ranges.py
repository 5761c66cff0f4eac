"""Ranges: what RFC 9110 says of one range, and everything else ignored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.api.http import byte_range
from ferryman.errors import Invalid


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=5-4",
        "items=0-1",
        "bytes=0-1,3-4",
        "bytes=0x1-2",
        "bytes=\N{ARABIC-INDIC DIGIT ONE}-",
        "bytes=" + "9" * 20 + "-",
    ],
)
def test_what_is_not_one_range_is_ignored(header: str | None) -> None:
    assert byte_range(header, 100) is None


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_without_a_byte_of_the_file_is_refused(header: str) -> None:
    with pytest.raises(Invalid, match="range_not_satisfiable"):
        byte_range(header, 100)


def test_an_empty_file_has_no_range() -> None:
    for header in ("bytes=0-0", "bytes=-1", "bytes=0-"):
        with pytest.raises(Invalid):
            byte_range(header, 0)


@given(st.text(alphabet="bytes=-0123456789, ", max_size=20), st.integers(0, 1000))
def test_a_range_lies_within_the_file(header: str, size: int) -> None:
    try:
        found = byte_range(header, size)
    except Invalid:
        return
    if found is not None:
        assert 0 <= found[0] < found[1] <= size
