"""The texts that an attempt keeps."""

import math
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.domain.outcome import (
    ERROR_BYTES,
    bounded,
    failed,
    raised,
    requested_delay,
    succeeded,
)
from ferryman.vocab import FailureCause


@settings(deadline=None)
@given(st.text(st.characters(), max_size=300), st.integers(60, 200))
def test_a_text_is_kept_within_its_bytes_and_fit_for_the_database(text: str, limit: int) -> None:
    kept = bounded(text, limit)
    assert len(kept.encode()) <= limit
    assert "\0" not in kept


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        *((0, 1), (1, 1), (1.5, 1.5), (900, 900), (901, 900), (-5, 1), (True, 1), ("9", 1)),
        *((None, 1), (math.nan, 1), (math.inf, 900), (-math.inf, 1), (10**400, 900)),
    ],
)
def test_the_delay_that_a_function_asks_for_is_kept_in_its_range(
    asked: object, seconds: float
) -> None:
    assert requested_delay(asked) == timedelta(seconds=seconds)


def test_both_ends_of_a_long_error_are_kept() -> None:
    outcome = failed(
        "after", FailureCause.APP_FAILED, "first" + "ü" * 10_000 + "last", duration=0.1
    )
    assert outcome.error is not None
    assert len(outcome.error.encode()) <= ERROR_BYTES
    assert outcome.error.startswith("first")
    assert outcome.error.endswith("last")
    assert "20009 bytes in all" in outcome.error


def test_what_was_raised_is_kept_in_bounds() -> None:
    long = "x" * 2000
    kept = raised(long, long, long)
    assert kept.frame is not None
    assert [len(text) for text in (kept.error_class, kept.message, kept.frame)] == [200, 1000, 500]
    assert raised("ValueError", "no").frame is None


def test_the_reason_is_that_of_a_failure() -> None:
    assert succeeded(duration=0.1).reason is None
    assert failed("before", FailureCause.APP_FAILED, "\n no \nmore", duration=0.1).reason == "no"
