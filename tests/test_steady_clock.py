"""Platform time when somebody sets the machine's clock: it goes on, and follows slowly."""

from dataclasses import dataclass

import pytest
from structlog.testing import capture_logs

from ferryman.steady_clock import SteadyClock

START = 1_800_000_000.0
HOUR = 3600.0


@dataclass
class Machine:
    """A machine whose clock can be set."""

    wall: float = START
    elapsed: float = 50.0

    def pass_time(self, seconds: float) -> None:
        self.wall += seconds
        self.elapsed += seconds


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def clock(machine: Machine) -> SteadyClock:
    return SteadyClock(lambda: machine.wall, lambda: machine.elapsed)


def since(clock: SteadyClock) -> float:
    return clock.now().timestamp() - START


def test_it_follows_a_clock_that_is_corrected_little_by_little(
    machine: Machine, clock: SteadyClock
) -> None:
    for _ in range(100):
        machine.pass_time(60)
        machine.wall += 0.5
        assert clock.now().timestamp() == machine.wall


@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_a_step_for_some_seconds_does_not_matter(
    machine: Machine, clock: SteadyClock, step: float
) -> None:
    with capture_logs() as logs:
        machine.wall += step
        for second in range(1, 6):
            machine.pass_time(1)
            assert second * 0.9 - 0.001 <= since(clock) <= second * 1.1 + 0.001
        machine.wall -= step
        machine.pass_time(1)
        assert since(clock) == 6
    assert [entry["event"] for entry in logs] == ["clock.stepped", "clock.caught_up"]
    assert logs[0]["seconds"] == pytest.approx(step, abs=2)


@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_a_step_that_lasts_is_made_up_for(
    machine: Machine, clock: SteadyClock, step: float
) -> None:
    machine.wall += step
    before = since(clock)
    for _ in range(10 * 60 + 1):
        machine.pass_time(60)
        now = since(clock)
        assert now > before, "it never goes back"
        assert now - before <= 66.001, "a window of fifteen minutes lasts at least 13"
        before = now
    assert clock.now().timestamp() == machine.wall


def test_what_was_said_before_a_step_forward_is_not_old_for_a_while(
    machine: Machine, clock: SteadyClock
) -> None:
    assert clock.step_forward().total_seconds() == 0
    machine.wall += HOUR
    assert clock.step_forward().total_seconds() == HOUR
    machine.pass_time(179)
    assert clock.step_forward().total_seconds() == HOUR
    machine.pass_time(2)
    assert clock.step_forward().total_seconds() == 0


def test_a_step_back_makes_nothing_older(machine: Machine, clock: SteadyClock) -> None:
    machine.wall -= HOUR
    assert clock.step_forward().total_seconds() == 0
