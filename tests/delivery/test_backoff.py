"""When a failed delivery is tried again."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.delivery.backoff import ATTEMPTS, retry_delay


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 15), (2, 30), (3, 60), (4, 120)])
def test_waits_double(attempt: int, seconds: int) -> None:
    assert retry_delay(attempt, random=lambda: 0.5) == timedelta(seconds=seconds)


def test_five_attempts_in_all() -> None:
    assert retry_delay(ATTEMPTS, random=lambda: 0.5) is None
    assert retry_delay(99, random=lambda: 0.5) is None
    with pytest.raises(ValueError, match="counted from 1"):
        retry_delay(0, random=lambda: 0.5)


@settings(deadline=None)
@given(st.integers(1, 4), st.floats(0, 1, exclude_max=True))
def test_jitter_stays_within_its_share(attempt: int, chance: float) -> None:
    wait = retry_delay(attempt, random=lambda: chance)
    plain = 15 * 2 ** (attempt - 1)
    assert wait is not None
    assert 0.8 * plain <= wait.total_seconds() <= 1.2 * plain
