"""Transfers that depend on each other: every order of ends brings each to one of its own."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.domain.dependency import (
    Definition,
    DependencyState,
    DependentTransfer,
    app_status,
    in_order,
    readiness,
    to_run_again,
    to_skip,
)
from ferryman.domain.limits import TRANSFER_DEFINITIONS
from ferryman.errors import PlatformError
from ferryman.vocab import TransferStatus as Status

FINAL = [status for status in Status if status.final]
LIVE = [status for status in Status if not status.final]
FAILURES = {Status.FAILED, Status.TIMED_OUT, Status.CANCELLED, Status.SKIPPED}


@pytest.mark.parametrize("status", FINAL)
def test_what_the_end_of_a_dependency_means(status: Status) -> None:
    """INCOMPLETE lets others run; nobody goes on without what is blocking."""
    wanted = DependencyState.SKIP if status in FAILURES else DependencyState.GO
    assert readiness([DependentTransfer(status)]) is wanted
    assert readiness([DependentTransfer(status, blocking=False)]) is DependencyState.GO


@pytest.mark.parametrize("status", LIVE)
def test_a_running_dependency_is_waited_for(status: Status) -> None:
    for blocking in (True, False):
        assert (
            readiness([DependentTransfer(Status.SUCCESS), DependentTransfer(status, blocking)])
            is DependencyState.WAIT
        )
    assert (
        readiness([DependentTransfer(status), DependentTransfer(Status.FAILED)])
        is DependencyState.SKIP
    )


def test_without_dependencies_a_transfer_may_go() -> None:
    assert readiness([]) is DependencyState.GO


@pytest.mark.parametrize(
    ("statuses", "wanted"),
    [
        ([Status.READY, Status.READY], Status.READY),
        ([Status.READY, Status.SUCCESS], Status.IN_PROGRESS),
        ([Status.FAILED, Status.IN_PROGRESS], Status.IN_PROGRESS),
        ([Status.FAILED, Status.CANCELLATION_REQUESTED], Status.IN_PROGRESS),
        ([Status.SUCCESS, Status.SUCCESS], Status.SUCCESS),
        ([Status.SUCCESS, Status.INCOMPLETE], Status.INCOMPLETE),
        ([Status.SUCCESS, Status.SKIPPED], Status.SKIPPED),
        ([Status.FAILED, Status.SKIPPED, Status.TIMED_OUT, Status.CANCELLED], Status.FAILED),
        ([Status.TIMED_OUT, Status.CANCELLED, Status.INCOMPLETE], Status.TIMED_OUT),
        ([Status.CANCELLED, Status.INCOMPLETE], Status.CANCELLED),
    ],
)
def test_the_status_of_an_app(statuses: list[Status], wanted: Status) -> None:
    assert app_status([DependentTransfer(status) for status in statuses]) is wanted


def define(**dependencies: list[str]) -> list[Definition]:
    return [Definition(name, depends_on=tuple(on)) for name, on in dependencies.items()]


def test_definitions_are_put_in_order() -> None:
    """As they were declared, where that can be."""
    found = in_order(define(c=["b"], x=[], b=["a"], a=[], y=["x"]))
    assert [each.name for each in found] == ["x", "a", "b", "c", "y"]
    assert in_order([]) == []


@pytest.mark.parametrize(
    ("definitions", "code"),
    [
        (define(a=["a"]), "transfer_definition_cycle"),
        (define(a=["c"], b=["a"], c=["b"], d=[]), "transfer_definition_cycle"),
        (define(a=["b"]), "transfer_dependency_unknown"),
        ([Definition("a"), Definition("a", blocking=False)], "transfer_name_repeated"),
        ([Definition(" ")], "transfer_name_invalid"),
        (
            [Definition(str(n)) for n in range(TRANSFER_DEFINITIONS + 1)],
            "too_many_transfer_definitions",
        ),
    ],
)
def test_definitions_that_cannot_run_are_refused(definitions: list[Definition], code: str) -> None:
    with pytest.raises(PlatformError) as refused:
        in_order(definitions)
    assert refused.value.code == code


@st.composite
def graphs(draw: st.DrawFn) -> list[Definition]:
    """Definitions without cycles, in any order."""
    names = [f"t{number}" for number in range(draw(st.integers(1, 7)))]
    found = [
        Definition(
            name,
            draw(st.booleans()),
            tuple(draw(st.lists(st.sampled_from(names[:n]), unique=True)) if n else ()),
        )
        for n, name in enumerate(names)
    ]
    return draw(st.permutations(found))


class Run:
    """An app's part of a migration, played by the rules."""

    def __init__(self, definitions: list[Definition]) -> None:
        self.definitions = {each.name: each for each in in_order(definitions)}
        self.members = {name: self.member(name, Status.READY) for name in self.definitions}
        self.started: list[str] = []

    def member(self, name: str, status: Status, *, skipped: bool = False) -> DependentTransfer:
        its = self.definitions[name]
        return DependentTransfer(status, its.blocking, its.depends_on, skipped)

    def readiness(self, name: str) -> DependencyState:
        return readiness(self.members[other] for other in self.definitions[name].depends_on)

    def start(self, name: str) -> None:
        assert self.readiness(name) is DependencyState.GO
        self.members[name] = self.member(name, Status.IN_PROGRESS)
        self.started.append(name)

    def end(self, name: str, status: Status) -> None:
        """As services do: what can never run any more is skipped with it."""
        self.members[name] = self.member(name, status)
        for other, culprit in to_skip(self.members, name).items():
            assert culprit in self.definitions[other].depends_on
            assert self.members[other].status is Status.READY
            self.members[other] = self.member(other, Status.SKIPPED, skipped=True)

    def finish(self, data: Any) -> None:
        while True:
            runnable = [
                name
                for name, member in self.members.items()
                if member.status is Status.READY and self.readiness(name) is DependencyState.GO
            ]
            running = [n for n, m in self.members.items() if m.status is Status.IN_PROGRESS]
            if not runnable and not running:
                return
            chosen = data.draw(st.sampled_from(runnable + running))
            if chosen in runnable:
                self.start(chosen)
            else:
                ends = [status for status in FINAL if status is not Status.SKIPPED]
                self.end(chosen, data.draw(st.sampled_from(ends)))


def check_order(definitions: list[Definition]) -> None:
    """Each comes after those it depends on."""
    found = in_order(definitions)
    assert sorted(each.name for each in found) == sorted(each.name for each in definitions)
    for place, each in enumerate(found):
        assert set(each.depends_on) <= {before.name for before in found[:place]}


def check_ends(run: Run) -> None:
    """All ended; one is skipped exactly where a blocking dependency failed."""
    for name, member in run.members.items():
        assert member.status.final
        failed = any(run.members[other].failed for other in member.depends_on)
        assert (member.status is Status.SKIPPED) == failed
        assert (name in run.started) == (not failed)


@given(definitions=graphs(), data=st.data())
def test_ends_and_re_runs_in_any_order(definitions: list[Definition], data: Any) -> None:
    """Nothing is left waiting; running failures again to success leaves nothing skipped.

    One test, since most of its time goes into making the graphs.
    """
    check_order(definitions)
    run = Run(definitions)
    run.finish(data)
    check_ends(run)
    for _ in range(len(definitions) + 1):
        failed = [n for n, m in run.members.items() if m.status in FAILURES - {Status.SKIPPED}]
        if not failed:
            break
        name = data.draw(st.sampled_from(failed))
        again = to_run_again(run.members, name)
        assert len(set(again)) == len(again)
        for each in (name, *again):
            run.members[each] = run.member(each, Status.READY)
        for each in (name, *again):
            on = run.definitions[each].depends_on
            assert all(run.members[other].status is not Status.READY for other in on)
            assert run.readiness(each) is DependencyState.GO
            run.end(each, Status.SUCCESS)
    assert not any(member.failed for member in run.members.values())
    assert not any(m.status is Status.SKIPPED for m in run.members.values())


def test_what_the_admin_skipped_stays_skipped() -> None:
    on = ("a",)
    members = {
        "a": DependentTransfer(Status.FAILED),
        "b": DependentTransfer(Status.SKIPPED, depends_on=on),
    }
    assert to_run_again(members, "a") == []
    members["b"] = DependentTransfer(Status.SKIPPED, depends_on=on, skipped=True)
    assert to_run_again(members, "a") == ["b"]


def test_what_runs_again_together_is_in_order() -> None:
    """Both are freed at once, as a part that is not blocking holds nothing back."""
    members = {
        "a": DependentTransfer(Status.FAILED),
        "c": DependentTransfer(Status.SKIPPED, depends_on=("a", "b"), skipped=True),
        "b": DependentTransfer(Status.SKIPPED, False, depends_on=("a",), skipped=True),
    }
    assert to_run_again(members, "a") == ["b", "c"]


def test_what_another_failure_holds_back_stays_skipped() -> None:
    """It comes back when that one is run again."""
    skipped = DependentTransfer(Status.SKIPPED, depends_on=("a", "b"), skipped=True)
    members = {
        "a": DependentTransfer(Status.FAILED),
        "b": DependentTransfer(Status.FAILED),
        "c": skipped,
    }
    assert to_run_again(members, "a") == []
    members["a"] = DependentTransfer(Status.SUCCESS)
    assert to_run_again(members, "b") == ["c"]
