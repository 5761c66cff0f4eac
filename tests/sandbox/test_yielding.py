"""Without control groups, a function that runs for long yields the processor by its priority."""

import os

import pytest

from ferryman.functions.sandbox.init import niceness
from tests.sandbox.conftest import Ground

OWN = os.getpriority(os.PRIO_PROCESS, 0)
"""What these tests run with, which what they start inherits."""


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
    call = {"handler": "endings.compute", "event": {"above": max(9, OWN)}}
    [outcome] = ground.call(call, cgroups=False)["outcomes"]
    assert outcome["ok"], outcome
    assert "raised: []" in outcome["output"]
    if ground.who == "root" and "/autogroup" in outcome["output"]:
        assert "nice 6\n" in outcome["output"]


@pytest.mark.parametrize("cgroups", [True, False])
def test_an_app_whose_host_died_has_less_until_its_hosts_have_answered(
    ground: Ground, cgroups: bool
) -> None:
    """A host that starts has less from its beginning, one that was there for its next call.

    None has less for the time that it takes, however busy the machine.
    """
    acts = ("starts.tell", "endings.exit_with_137", "starts.tell", "starts.tell_too")
    calls = [{"handler": act} for act in acts]
    said = ground.call(*calls, cgroups=cgroups, equal_seconds=3600)
    assert [each["ok"] for each in said["outcomes"]] == [True, False, True, True], said
    if any(said["weights"]):
        assert [each.count(0.25) for each in said["weights"]] == [0, 1, 1]
    else:
        before, _, warm, new = (each["output"].strip() for each in said["outcomes"])
        assert before == warm == str(OWN), "it was loaded before"
        assert int(new) >= 6
