"""How fast bytes may go, without a clock that runs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.sdk.bandwidth import ByteBucket, Throttle, parse_rate, piece_of


@given(st.lists(st.integers(1, 1 << 20), min_size=1, max_size=50), st.floats(1e3, 1e9))
def test_no_more_goes_than_the_rate_and_a_quarter_second_allow(
    sizes: list[int], rate: float
) -> None:
    """Each waits as it is told: what went before the last piece fits into the time."""
    bucket, now, gone = ByteBucket(rate), 0.0, 0
    for size in sizes:
        now += bucket.take(size, now)
        assert gone <= rate * (now + 0.25) * (1 + 1e-9) + 1e-3
        gone += size


def test_what_was_not_used_is_not_saved_for_long() -> None:
    bucket = ByteBucket(100)
    assert bucket.take(25, 0) == 0
    assert bucket.take(25, 1000) == 0
    assert bucket.take(1, 1000) == 0
    assert bucket.take(1, 1000) == pytest.approx(0.01)


def test_threads_share_what_there_is() -> None:
    waits: list[float] = []
    throttle = Throttle(100, clock=lambda: 7.0, sleep=waits.append)
    for _ in range(3):
        throttle.spend(100)
    assert waits == [0.75, 1.75]


@pytest.mark.parametrize(
    ("text", "rate"),
    [("1", 1), ("500K", 5e5), ("10M", 1e7), ("1.5g", 1.5e9), ("10MB", 1e7), ("2 MiB/s", 2e6)],
)
def test_rates_are_read(text: str, rate: float) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "0", "-1", "fast", "1T", "0.0001K", "1M\n1"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected bytes a second"):
        parse_rate(text)


@given(st.floats(1, 1e12))
def test_pieces_are_neither_tiny_nor_long_to_wait_for(rate: float) -> None:
    assert 1 << 10 <= piece_of(rate) <= 1 << 20
    assert piece_of(rate) <= max(rate / 8, 1 << 10)
