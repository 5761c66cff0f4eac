"""What is kept of a function's output."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.functions.capture import Excerpt


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=20), st.integers(1, 20))
def test_the_first_and_last_bytes_are_kept_however_they_arrive(
    chunks: list[bytes], half: int
) -> None:
    excerpt = Excerpt(2 * half)
    for chunk in chunks:
        excerpt.add(chunk)
    whole = b"".join(chunks)
    left_out = len(whole) - 2 * half
    expected = whole
    if left_out > 0:
        gap = f"\n[... {left_out} bytes left out ...]\n".encode()
        expected = whole[:half] + gap + whole[-half:]
    assert excerpt.text() == expected.decode("utf-8", "replace")
