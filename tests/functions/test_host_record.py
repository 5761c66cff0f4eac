"""An app whose hosts keep dying gets a bounded share of a core for starting them."""

from dataclasses import replace

import pytest

from ferryman.domain.outcome import Outcome, Stage, failed, succeeded
from ferryman.functions.host_record import HostRecord, is_death, rest
from ferryman.vocab import FailureCause

CAUSE = FailureCause
START_SECONDS = 0.15
"""Processor time of a start, with what the sandbox and the end of the host take."""


@pytest.mark.parametrize(
    ("weight", "seconds"),
    [(0.9, 0), (1, 0), (1.9, 0), (2, 1), (3, 2), (4, 4), (5, 8), (6, 16), (7, 30), (50, 30)],
)
def test_each_death_doubles_the_wait(weight: float, seconds: float) -> None:
    assert rest(weight) == seconds


def test_one_death_makes_a_suspect_until_some_calls_have_answered() -> None:
    record = HostRecord().died(0)
    assert (record.suspect(0), record.rests_until) == (True, 0)
    answers = 0
    while record.suspect(0):
        record, answers = record.answered(0), answers + 1
    assert answers == 4
    assert not HostRecord().suspect(0)


def test_a_record_is_forgotten_with_time() -> None:
    record = HostRecord().died(0).died(0)
    assert [record.suspect(now) for now in (0, 120, 239, 241)] == [True, True, True, False]
    assert [record.is_over(now) for now in (0.5, 239, 241)] == [False, False, True]
    assert replace(HostRecord(), rests_until=9).is_over(1) is False


def test_an_answer_ends_no_wait() -> None:
    """Another host of the app may have answered, of a function that does not die."""
    record = HostRecord().died(0).died(0)
    assert record.answered(0.5).rests_until == record.rests_until > 0.5


@pytest.mark.parametrize("answers", [0, 1])
def test_a_loop_of_deaths_takes_a_bounded_share(answers: int) -> None:
    """Also with an answer between each two, which closes a breaker."""
    now, starts, record = 0.0, 0, HostRecord()
    while now < 600:
        starts, now = starts + 1, now + START_SECONDS
        record = record.died(now)
        for _ in range(answers):
            record = record.answered(now)
        now = max(now, record.rests_until)
    assert starts * START_SECONDS < 600 * (0.01 if answers == 0 else 0.03)


def test_nobody_waits_where_one_call_in_ten_dies() -> None:
    record = HostRecord()
    for now in range(100):
        record = record.died(now)
        assert record.rests_until <= now
        for _ in range(9):
            record = record.answered(now)
        assert not record.suspect(now)


def ended(stage: Stage, cause: FailureCause, *, hung: bool = False) -> Outcome:
    return failed(stage, cause, "it failed", duration=0.0, hung=hung)


@pytest.mark.parametrize(
    ("outcome", "dead"),
    [
        (succeeded(duration=0.1), False),
        (ended("after", CAUSE.FUNCTION_RAISED), False),
        (ended("after", CAUSE.RETRY_REQUESTED), False),
        (ended("during", CAUSE.FUNCTION_TIMED_OUT, hung=True), True),
        (ended("during", CAUSE.FUNCTION_EXITED), True),
        (ended("after", CAUSE.FUNCTION_EXITED), True),
        (ended("during", CAUSE.FUNCTION_OUT_OF_MEMORY), True),
        (ended("during", CAUSE.DELIVERY_FAILED), True),
        (ended("before", CAUSE.FUNCTION_NOT_LOADED), True),
        (ended("before", CAUSE.DEPENDENCY_MISSING), True),
    ],
)
def test_what_counts_as_a_death(outcome: Outcome, dead: bool) -> None:
    assert is_death(outcome) is dead
