"""Without control groups, a function that runs for long yields the processor by its priority."""

import pytest

from ferryman.functions.sandbox.init import niceness
from tests.sandbox.conftest import Ground


@pytest.mark.parametrize(
    ("tasks", "nice"), [(0, 6), (1, 6), (2, 10), (4, 13), (8, 16), (18, 19), (64, 19), (1000, 19)]
)
def test_many_processes_weigh_as_much_as_one(tasks: int, nice: int) -> None:
    """The kernel gives each priority a fifth less than the one before."""
    assert niceness(tasks) == nice
    if nice < 19:
        assert 0.18 < max(tasks, 1) * 0.8**nice < 0.27


def test_processes_of_a_function_have_less_the_more_they_are(ground: Ground) -> None:
    """And none of them can take it back."""
    call = {"handler": "endings.compute", "event": {"above": 9}}
    [outcome] = ground.call(call, cgroups=False)["outcomes"]
    assert outcome["ok"], outcome
    assert "raised: []" in outcome["output"]
    if ground.who == "root" and "/autogroup" in outcome["output"]:
        assert "nice 6\n" in outcome["output"]
