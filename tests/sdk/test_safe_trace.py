"""What a failed listener may tell the cloud."""

import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.sdk.safe_trace import describe_error

SECRET = "customer@example.com"


class ExportError(Exception):
    """Raised by a listener."""


def caught(act: Callable[[], object]) -> BaseException:
    try:
        act()
    except BaseException as error:  # noqa: BLE001 - whatever it raises is the subject
        return error
    raise AssertionError("expected an exception")


def fail_plainly() -> None:
    secret = SECRET
    raise ExportError(f"no such user {secret}")


def fail_with_cause() -> None:
    try:
        {"a": 1}[SECRET]
    except KeyError as error:
        raise ExportError(SECRET) from error


def fail_in_group() -> None:
    raise ExceptionGroup(SECRET, [ValueError(SECRET), ExportError(SECRET)])


def test_a_trace_names_frames_and_nothing_else() -> None:
    described = describe_error(caught(fail_plainly))
    assert described.exception_type.endswith("test_safe_trace.ExportError")
    lines = described.safe_stack_trace.splitlines()
    assert lines[0] == described.exception_type
    assert lines[-1].startswith('  File "test_safe_trace.py", line ')
    assert lines[-1].endswith(", in fail_plainly")


@pytest.mark.parametrize("act", [fail_plainly, fail_with_cause, fail_in_group])
def test_no_message_and_no_value_is_told(act: Callable[[], object]) -> None:
    described = describe_error(caught(act), roots=sys.path)
    assert SECRET not in described.safe_stack_trace
    assert "raise" not in described.safe_stack_trace


def test_causes_and_members_of_groups_are_told_by_name() -> None:
    trace = describe_error(caught(fail_with_cause)).safe_stack_trace
    assert trace.endswith("Caused by: KeyError")
    trace = describe_error(caught(fail_in_group)).safe_stack_trace
    assert "Caused by: ValueError" in trace
    assert "ExportError" in trace


def test_a_cause_that_was_suppressed_stays_so() -> None:
    def act() -> None:
        try:
            int("x")
        except ValueError:
            raise ExportError from None

    assert "ValueError" not in describe_error(caught(act)).safe_stack_trace


def test_a_circle_of_causes_ends() -> None:
    one, two = ExportError(), ValueError()
    one.__cause__, two.__cause__ = two, one
    assert describe_error(one).safe_stack_trace.count("Caused by") == 1


def test_endless_recursion_is_cut() -> None:
    def act() -> None:
        act()

    described = describe_error(caught(act))
    assert described.exception_type == "RecursionError"
    assert len(described.safe_stack_trace) < 10_000
    assert "frames left out" in described.safe_stack_trace


def test_files_are_named_within_the_roots() -> None:
    here = __file__.rsplit("/", 1)[0].rsplit("/", 1)[0]
    trace = describe_error(caught(fail_plainly), roots=[here]).safe_stack_trace
    assert 'File "sdk/test_safe_trace.py"' in trace
    assert here not in trace


@given(st.text())
def test_no_text_of_any_form_comes_through(text: str) -> None:
    def act() -> None:
        raise ExportError("«" + text)

    assert "«" not in describe_error(caught(act)).safe_stack_trace
