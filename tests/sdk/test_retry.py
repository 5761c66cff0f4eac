"""The retry policy as a rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.sdk.retry import RETRYABLE, RetryPolicy, retry_after

HIGH = RetryPolicy(retry_seconds=120, first=0.2, longest=10, roll=lambda: 1.0)
LOW = RetryPolicy(retry_seconds=120, first=0.2, longest=10, roll=lambda: 0.0)


@pytest.mark.parametrize("status", [None, 408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(status: int | None) -> None:
    assert HIGH.pause(status, tries=1, spent=0) == 0.2


@pytest.mark.parametrize("status", [200, 201, 204, 301, 400, 401, 403, 404, 409, 413, 422, 501])
def test_what_stays_is_not(status: int) -> None:
    assert HIGH.pause(status, tries=1, spent=0) is None


@pytest.mark.parametrize(
    ("tries", "least", "most"), [(1, 0.1, 0.2), (2, 0.2, 0.4), (6, 3.2, 6.4), (7, 5, 10)]
)
def test_waits_double_up_to_the_longest_and_half_of_each_is_chance(
    tries: int, least: float, most: float
) -> None:
    assert LOW.pause(None, tries=tries, spent=0) == pytest.approx(least)
    assert HIGH.pause(None, tries=tries, spent=0) == pytest.approx(most)


def test_the_platforms_own_wait_is_kept_in_full() -> None:
    assert HIGH.pause(429, tries=1, spent=0, retry_after=37) == 37


def test_a_wait_beyond_the_patience_gives_up_at_once() -> None:
    assert HIGH.pause(429, tries=1, spent=0, retry_after=121) is None
    assert HIGH.pause(503, tries=9, spent=115) is None


@given(
    st.sampled_from([None, *sorted(RETRYABLE)]),
    st.floats(0, 600),
    st.floats(0, 5),
    st.floats(0, 1),
    st.none() | st.floats(0, 900),
)
def test_a_call_never_outlasts_its_patience(
    status: int | None, retry_seconds: float, took: float, roll: float, asked: float | None
) -> None:
    policy = RetryPolicy(retry_seconds=retry_seconds, roll=lambda: roll)
    spent = 0.0
    for tries in range(1, 10_000):
        spent += took
        pause = policy.pause(status, tries=tries, spent=spent, retry_after=asked)
        if pause is None:
            break
        assert pause >= max(asked or 0, 0.1)
        spent += pause
        assert spent <= retry_seconds
    else:
        pytest.fail("it never gave up")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "²"}, None),
        ({"retry-after": "9" * 400}, 86_400.0),
        (
            {
                "date": "Wed, 21 Oct 2015 07:28:00 GMT",
                "retry-after": "Wed, 21 Oct 2015 07:28:30 GMT",
            },
            30.0,
        ),
        (
            {
                "date": "Wed, 21 Oct 2015 07:28:00 GMT",
                "retry-after": "Wed, 21 Oct 2015 07:27:00 GMT",
            },
            0.0,
        ),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:30 GMT"}, None),
    ],
)
def test_retry_after_is_read(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds
