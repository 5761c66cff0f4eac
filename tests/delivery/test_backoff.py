"""When a failed delivery is tried again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.delivery.backoff import asked_delay, later_of, retry_delay
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


NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "header", "seconds"),
    [
        (429, "40", 40),
        (503, " 40 ", 40),
        (503, "0", 0),
        (503, "Sun, 01 Mar 2026 12:00:40 GMT", 40),
        (429, "Sunday, 01-Mar-26 12:01:00 GMT", 60),
        (429, "Sun Mar  1 12:02:00 2026", 120),
        (503, "Sun, 01 Mar 2026 11:00:00 GMT", 0),
        (503, "Sun, 01 Mar 2026 13:00:40 +0100", 40),
        (429, None, None),
        (429, "", None),
        (429, "-5", None),
        (429, "soon", None),
        (429, "Sun, 99 Mar 2026 12:00:40 GMT", None),
        (429, "9" * 5000, None),
        (429, "\u0664\u0660", None),
        (500, "40", None),
        (301, "40", None),
    ],
)
def test_what_retry_after_asks_for(status: int, header: str | None, seconds: int | None) -> None:
    asked = None if seconds is None else timedelta(seconds=seconds)
    assert asked_delay(status, header, NOW) == asked


@pytest.mark.parametrize(
    ("delay", "asked", "wait"),
    [
        (15, None, 15),
        (15, 40, 40),
        (60, 40, 60),
        (15, 0, 15),
        (15, 900, 900),
        (15, 86_400, 900),
        (3600, 40, 3600),
    ],
)
def test_the_longer_wait_counts_up_to_a_quarter_of_an_hour(
    delay: int, asked: int | None, wait: int
) -> None:
    wanted = None if asked is None else timedelta(seconds=asked)
    assert later_of(timedelta(seconds=delay), wanted) == timedelta(seconds=wait)
