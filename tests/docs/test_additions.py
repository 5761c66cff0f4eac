"""The calls that outside programs rely on stay."""

from tools.docs import calls
from tools.fixed_calls import BASES, fixed_calls


def test_no_fixed_call_has_gone() -> None:
    assert len(fixed_calls()) > 40
    assert fixed_calls() <= {call for base in BASES for call in calls(base)}
