"""The bucket of an app's calls."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.domain.rate import Rate, TokenBucket, held, take

RATE = Rate(per_second=2.0, burst=3)


@pytest.mark.parametrize(
    ("calls", "later", "left", "wait"),
    [
        (3.0, 0, 2.0, 0.0),
        (1.0, 0, 0.0, 0.0),
        (0.0, 0, 0.0, 0.5),
        (0.5, 0, 0.5, 0.25),
        (0.0, 0.25, 0.5, 0.25),
        (0.0, 0.5, 0.0, 0.0),
        (0.0, 1000, 2.0, 0.0),
        (1.0, -5, 0.0, 0.0),
    ],
)
def test_what_is_left_and_how_long_to_wait(
    calls: float, later: float, left: float, wait: float
) -> None:
    assert take(TokenBucket(calls, 100.0), RATE, 100.0 + later) == (
        TokenBucket(left, 100.0 + later),
        wait,
    )


def test_a_new_bucket_is_full() -> None:
    assert held(None, RATE, 7.0) == 3
    assert take(None, RATE, 7.0) == (TokenBucket(2.0, 7.0), 0.0)


@given(
    st.floats(0.1, 1000),
    st.integers(1, 50),
    st.lists(st.floats(0, 3), min_size=1, max_size=100),
)
def test_never_more_than_the_burst_and_what_came_back(
    per_second: float, burst: int, gaps: list[float]
) -> None:
    rate, bucket, now, admitted = Rate(per_second, burst), None, 0.0, 0
    for gap in gaps:
        now += gap
        bucket, wait = take(bucket, rate, now)
        admitted += wait == 0
        assert 0 <= bucket.calls <= burst
        # Who waits as long as was said gets in, but for what a float cannot hold.
        _, again = take(bucket, rate, now + wait)
        assert wait == 0 or again < 1e-6
    assert admitted <= burst + now * per_second + 1e-6


@pytest.mark.parametrize(
    ("whole", "processes", "part"),
    [
        (Rate(2000, 10_000), 1, Rate(2000, 10_000)),
        (Rate(2000, 10_000), 4, Rate(500, 2_500)),
        (Rate(10, 10), 4, Rate(2.5, 3)),
        (Rate(1, 1), 4, Rate(0.25, 1)),
    ],
)
def test_processes_divide_a_rate(whole: Rate, processes: int, part: Rate) -> None:
    """None of them is left without a call."""
    assert whole.shared(processes) == part
