"""When a failed delivery is tried again."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.delivery.backoff import retry_delay
from ferryman.domain.limits import LONGEST_BACKOFF
from ferryman.ids import jitter


@pytest.mark.parametrize(
    ("attempt", "seconds"),
    [(1, 15), (2, 30), (3, 60), (4, 120), (5, 240), (6, 480), (7, 900), (1_345, 900)],
)
def test_waits_double_up_to_a_quarter_of_an_hour(attempt: int, seconds: int) -> None:
    assert retry_delay(attempt, random=lambda: 0.5) == timedelta(seconds=seconds)


def test_a_longer_first_wait_that_was_chosen_is_kept() -> None:
    waits = [retry_delay(n, random=lambda: 0.5, base=3600) for n in (1, 2, 3)]
    assert waits == [timedelta(hours=1)] * 3


def test_attempts_are_counted_from_one() -> None:
    with pytest.raises(ValueError, match="counted from 1"):
        retry_delay(0, random=lambda: 0.5)


def test_a_message_waits_the_same_whenever_it_is_replayed() -> None:
    """And as if by chance: those that failed together do not come back together."""
    chances = [jitter(f"message {n}", "1") for n in range(1000)]
    assert chances == [jitter(f"message {n}", "1") for n in range(1000)]
    assert len(set(chances)) == 1000
    tenths = [sum(n / 10 <= chance < (n + 1) / 10 for chance in chances) for n in range(10)]
    assert sum(tenths) == 1000
    assert all(60 < count < 140 for count in tenths), tenths
    assert jitter("message 1", "2") not in chances


@settings(deadline=None)
@given(st.integers(1, 10**9), st.floats(0, 1, exclude_max=True))
def test_jitter_stays_within_its_share(attempt: int, chance: float) -> None:
    wait = retry_delay(attempt, random=lambda: chance).total_seconds()
    plain = min(15 * 2 ** min(attempt - 1, 30), LONGEST_BACKOFF.total_seconds())
    assert 0.8 * plain <= wait <= 1.2 * plain
