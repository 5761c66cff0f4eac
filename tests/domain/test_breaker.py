"""When a circuit breaker opens, for how long, and what closes it."""

from datetime import UTC, datetime, timedelta

import pytest

from ferryman.domain import limits
from ferryman.domain.breaker import Breaker, is_open, pause, record

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MANY = limits.BREAKER_WEIGHT
SECOND = timedelta(seconds=1)


def after(*outcomes: tuple[bool, bool], state: Breaker | None = None) -> Breaker:
    """What outcomes, each whether it was well and whether it hung, make of a breaker."""
    state = Breaker() if state is None else state
    for ok, hung in outcomes:
        state = record(state, ok=ok, hung=hung, now=NOW)
    return state


@pytest.mark.parametrize(
    ("outcome", "needed"),
    [((False, False), MANY), ((False, True), MANY // limits.BREAKER_HUNG_WEIGHT)],
)
def test_it_opens_on_failures_in_a_row_and_sooner_where_nothing_answers(
    outcome: tuple[bool, bool], needed: int
) -> None:
    before = after(*[outcome] * (needed - 1))
    assert not is_open(before, NOW)
    opened = after(outcome, state=before)
    assert is_open(opened, NOW)
    assert opened.trips == 1
    assert after((True, False), state=before).resting, "a success between makes it start again"


def test_half_open_one_failure_opens_it_for_longer_and_a_success_closes_it() -> None:
    state, paused = after(*[(False, False)] * MANY), []
    for _ in range(10):
        assert state.open_until is not None
        late = record(state, ok=False, hung=True, now=state.open_until - SECOND)
        assert late == state, "what was sent before it opened says nothing new"
        assert not is_open(state, state.open_until)
        again = record(state, ok=False, hung=False, now=state.open_until)
        assert again.open_until is not None
        paused.append(again.open_until - state.open_until)
        state = again
    assert paused[0] == 2 * limits.BREAKER_PAUSE
    assert paused == sorted(paused)
    assert paused[-1] == limits.BREAKER_LONGEST_PAUSE
    assert record(state, ok=True, hung=False, now=NOW).resting


def test_a_pause_doubles_up_to_a_minute() -> None:
    seconds = [pause(trips).total_seconds() for trips in (1, 2, 3, 4, 5, 6, 1000)]
    assert seconds == [5, 10, 20, 40, 60, 60, 60]


@pytest.mark.parametrize(
    ("breaker", "resting"),
    [
        (Breaker(), True),
        (Breaker(weight=1), False),
        (Breaker(trips=1), False),
        (Breaker(weight=1, trips=1), False),
    ],
)
def test_there_is_nothing_to_remember_after_a_success(breaker: Breaker, resting: bool) -> None:
    assert breaker.resting is resting


def test_an_open_breaker_keeps_its_weight_and_counts_how_often_it_opened() -> None:
    state = after(*[(False, False)] * MANY)
    assert state == Breaker(weight=MANY, trips=1, open_until=NOW + limits.BREAKER_PAUSE)
    assert state.open_until is not None
    again = record(state, ok=False, hung=True, now=state.open_until)
    assert (again.weight, again.trips) == (MANY + limits.BREAKER_HUNG_WEIGHT, 2)
