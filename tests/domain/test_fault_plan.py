"""Fault plans: how they are read, what they do, how they are searched and shortened."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.domain.fault_candidates import MAX_FAULTS, covers, plans, reductions, singles
from ferryman.domain.fault_oracle import (
    AppRefusal,
    EventOutcome,
    Observation,
    Thrown,
    canonical,
    canonical_lines,
    difference,
    judge,
)
from ferryman.domain.fault_order import Caller, turn
from ferryman.domain.fault_plan import (
    ANY,
    CALLS,
    EVENTS,
    FAULT_KINDS,
    Fault,
    FaultPlan,
    call_name,
    hits,
    longest_run,
    parse,
    without_shares,
    words,
)
from ferryman.errors import ConfigError
from ferryman.vocab import TransferStatus

COUNTS = {"triggered": 1, "uploaded": 3, "settled": 1, "payload": 3, "acknowledge": 3, ANY: 6}
FORGE = "/app/migration/forge/v1"
CONNECT = "/rest/atlassian-connect/1/migration"


@st.composite
def steps(draw: st.DrawFn) -> Fault:
    """Any step that can be written."""
    target = draw(st.sampled_from([*EVENTS, *CALLS]))
    kind = "event" if target in EVENTS else "call"
    kinds = [name for name, how in FAULT_KINDS.items() if how.of == kind and name != "expired"]
    how = draw(st.sampled_from(kinds))
    if how == "together":
        return Fault(target, how)
    nth = draw(st.none() | st.integers(1, 999_999))
    if nth is None and how not in ("first", "last", "late"):
        return Fault(target, how, None, draw(st.none() | st.integers(1, 100)))
    return Fault(target, how, nth)


@settings(deadline=None, max_examples=40)
@given(st.lists(steps(), max_size=6))
def test_what_is_written_is_read_again(plan: list[Fault]) -> None:
    """And every step can be told in words."""
    assert parse(", ".join(map(str, plan))) == tuple(plan)
    assert all(words(step) for step in plan)


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("upload:1=twice", "uploaded"),
        ("uploaded:1=twise", "twice"),
        ("payload:0=503", "`ferryman faults`"),
        ("payload=twice", "`ferryman faults`"),
        ("uploaded:1=503", "`ferryman faults`"),
        ("uploaded:1=together", "`ferryman faults`"),
        ("payload:101%=503", "`ferryman faults`"),
        ("payload:1=expired", "`ferryman faults`"),
        ("payload:1503", "`ferryman faults`"),
        ("=", "`ferryman faults`"),
    ],
)
def test_what_is_no_step_is_refused(text: str, fix: str) -> None:
    """With the nearest that there is."""
    with pytest.raises(ConfigError) as refused:
        parse(text)
    assert refused.value.code == "fault_plan_invalid"
    assert fix in refused.value.fix


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", f"{FORGE}/message/t/status", "acknowledge"),
        ("POST", f"{FORGE}/mapping/t/find", "find"),
        ("GET", f"{FORGE}/data/t/all", "files"),
        ("GET", f"{FORGE}/data/k", "url"),
        ("GET", f"{FORGE}/data/k/parts", "url"),
        ("GET", f"{FORGE}/data/k/payload", "payload"),
        ("HEAD", "/objects/k", "file"),
        ("PUT", "/objects/k", None),
        ("POST", f"{CONNECT}/progress/t", "progress"),
        ("GET", f"/wiki{CONNECT}/data/k", "url"),
        ("POST", "/server/v1/transfers/t/complete-export", None),
        ("GET", "/admin/v1/apps", None),
    ],
)
def test_only_calls_of_apps_have_names(method: str, path: str, name: str | None) -> None:
    assert call_name(method, path) == name


@settings(deadline=None, max_examples=40)
@given(steps(), st.integers(1, 50), st.integers(1, 50), st.floats(0, 1, exclude_max=True))
def test_a_step_hits_what_it_names_and_nothing_else(
    step: Fault, number: int, total: int, draw: float
) -> None:
    for name in (*EVENTS, *CALLS[1:]):
        struck = hits((step,), name, number, total=total, draw=draw)
        hit = [each.how for each in struck]
        named = step.target == name or (step.target == ANY and name not in EVENTS)
        count = total if step.target == ANY else number
        if step.percent is not None:
            assert hit == ([step.how] if named and draw < step.percent / 100 else [])
        else:
            assert hit == ([step.how] if named and step.nth in (None, count) else [])
        assert [hits((each,), name, number, total=total) for each in struck] == [struck] * len(hit)


def test_a_share_is_a_share() -> None:
    random = Random(1)  # noqa: S311
    plan = parse("find:20%=503")
    count = sum(bool(hits(plan, "find", n, draw=random.random())) for n in range(5000))
    assert 900 < count < 1100


def test_a_share_can_be_told_as_what_it_struck() -> None:
    """In its place, each once; what is no share stays."""
    plan = parse("uploaded:1=twice, find:50%=503, any:10%=kill")
    struck = parse("uploaded:1=twice, find:2=503, any:7=kill, find:5=503, find:2=503")
    exact = parse("uploaded:1=twice, find:2=503, find:5=503, any:7=kill")
    assert without_shares(plan, struck) == exact
    assert without_shares(exact, struck) == exact


def test_a_run_may_take_as_long_as_a_handler_that_hangs() -> None:
    """At each of five attempts at each file, up to its limit."""
    assert longest_run(3, 25.0) > 3 * 5 * 25.0 + 60
    assert longest_run(100, 25.0) > 100 * 5 * 25.0 + 60


callers = st.lists(
    st.builds(
        Caller,
        st.sampled_from(["triggered", "uploaded", "exported", "settled"]),
        st.integers(1, 4),
        st.sampled_from([(), ("first",), ("last",), ("late",), ("together",), ("twice",)]),
    ),
    min_size=1,
    max_size=6,
)


@settings(deadline=None, max_examples=40)
@given(callers)
def test_everything_has_its_turn_once(waiting: list[Caller]) -> None:
    """Whatever is held back goes in the end."""
    left = list(waiting)
    while left:
        indexes, late = turn(left)
        assert indexes == sorted(set(indexes))
        assert indexes
        assert not late or "late" in left[indexes[0]].kinds
        for i in reversed(indexes):
            del left[i]


def test_turns() -> None:
    """As they came; first, last and late; together; and what needs no acknowledgement in time."""

    def order(**kinds: str) -> list[str]:
        names = ["triggered1", "uploaded1", "uploaded2", "exported1", "settled1"]
        left = [Caller(n[:-1], int(n[-1]), (kinds[n],) if n in kinds else ()) for n in names]
        said = []
        while left:
            indexes, late = turn(left)
            said.append("+".join(f"{left[i].name}{left[i].number}" for i in indexes))
            said[-1] += "*" * late
            for i in reversed(indexes):
                del left[i]
        return said

    calm = ["triggered1", "uploaded1", "uploaded2", "exported1", "settled1"]
    assert order() == calm
    assert order(uploaded2="first")[0] == "uploaded2"
    assert order(uploaded1="last")[-2:] == ["uploaded1", "settled1"]
    assert order(uploaded1="late")[-2:] == ["uploaded1*", "settled1"]
    assert order(uploaded1="together", uploaded2="together")[1] == "uploaded1+uploaded2"
    assert order(triggered1="last")[:3] == ["uploaded1", "triggered1", "uploaded2"]


@settings(deadline=None, max_examples=40)
@given(st.dictionaries(st.sampled_from([*EVENTS, *CALLS]), st.integers(0, 6)), st.integers())
def test_scripts_are_searched_in_order_and_each_once(counts: dict[str, int], seed: int) -> None:
    """The same for the same seed; nothing that was not there is disturbed."""
    found, again = (
        _take(plans(counts, Random(seed)), 300)  # noqa: S311
        for _ in range(2)
    )
    assert found == again
    assert len({frozenset(plan) for plan in found}) == len(found)
    assert all(1 <= len(plan) <= MAX_FAULTS for plan in found)
    first = singles(counts)[:40]
    assert found[: len(first)] == first
    for plan in found:
        for step in plan:
            most = counts[step.target]
            if len({each.target for each in plan}) == 1 and most:
                most = max(most, MAX_FAULTS)  # a call that is refused comes again
            assert step.how == "together" or step.nth in range(1, most + 1)


def test_a_search_of_the_usual_length_reaches_every_kind_of_script() -> None:
    """For two files and five kinds of calls, whose single steps alone are more than that."""
    calls = dict.fromkeys(("find", "files", "file", "url", "acknowledge"), 2)
    counts = {"uploaded": 2, "settled": 1, **calls, ANY: 10}
    assert len(singles(counts)) > 100
    found = _take(plans(counts, Random(1)), 100)  # noqa: S311
    assert {len(plan) for plan in found} == {1, 2, 3, 4}
    for target in ("uploaded", *calls):
        first = next(plan for plan in found if plan[0].target == target)
        assert found.index(first) < 20
        assert any(plan[0].target == target for plan in found if len(plan) == 1)
    for name in calls:
        assert parse(f"{name}:1=503, {name}:2=503") in found
    mixed = [plan for plan in found if len({step.target for step in plan}) > 1]
    assert len(mixed) > 10


@settings(deadline=None, max_examples=40)
@given(st.lists(steps(), min_size=1, max_size=5, unique=True))
def test_shortening_comes_to_an_end(plan: list[Fault]) -> None:
    """Whatever fails, each simpler plan is smaller, down to one step that cannot be."""
    found: FaultPlan = tuple(plan)
    for _ in range(100):
        smaller = next(iter(reductions(found)), None)
        if smaller is None:
            break
        assert _size(smaller) < _size(found)
        found = smaller
    assert len(found) == 1


def _size(plan: FaultPlan) -> tuple[int, int]:
    return len(plan), sum(999_999_999 if s.nth is None else s.nth for s in plan)


def _take(source: object, count: int) -> list[FaultPlan]:
    return [plan for plan, _ in zip(source, range(count), strict=False)]  # type: ignore[call-overload]


def seen(**changes: object) -> Observation:
    facts: dict[str, object] = {
        "status": TransferStatus.SUCCESS,
        "sent": (
            EventOutcome("uploaded:1", True, "SUCCESS"),
            EventOutcome("settled:1", True, None),
        ),
        "state": "a",
    }
    return Observation(**{**facts, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("known", "plan", "covered"),
    [
        ("uploaded:1=twice", "find:1=503, uploaded:2=twice", True),
        ("uploaded:1=twice", "uploaded:1=late", False),
        ("find:1=503, find:2=503", "find:1=503, uploaded:1=twice", False),
        ("find:1=503, find:2=503", "find:2=503, uploaded:1=twice, find:3=503", True),
    ],
)
def test_a_script_with_all_of_a_known_one_is_known(known: str, plan: str, covered: bool) -> None:
    """Whichever event or call of a name its steps disturb."""
    assert covers(parse(known), parse(plan)) is covered


UNACKNOWLEDGED = (EventOutcome("uploaded:1", True, None), EventOutcome("settled:1", True, None))
SETTLED = AppRefusal("acknowledge:2", 409, "transfer_settled")
OTHER = AppRefusal("acknowledge:2", 409, "message_unknown")
UNDELIVERED = (EventOutcome("uploaded:1", True, "SUCCESS"), EventOutcome("settled:1", False, None))


@pytest.mark.parametrize(
    ("run", "lasting", "kinds"),
    [
        (seen(), False, []),
        (seen(state="b"), False, ["state"]),
        (seen(state="b"), True, ["silent"]),
        (seen(status=TransferStatus.FAILED), False, ["status"]),
        (seen(status=TransferStatus.FAILED, state="b"), True, []),
        (seen(status=TransferStatus.TIMED_OUT, sent=UNACKNOWLEDGED), False, None),
        (seen(sent=UNDELIVERED), False, ["undelivered"]),
        (seen(sent=UNDELIVERED), True, []),
        (seen(threw=(Thrown("ValueError"),)), True, ["threw"]),
        (seen(threw=(Thrown("409", SETTLED),)), False, ["threw_settled"]),
        (seen(threw=(Thrown("it cannot be transfer_settled", OTHER),)), False, ["threw"]),
        (seen(threw=(Thrown("409", SETTLED),), state="b"), False, ["state", "threw_settled"]),
        (seen(threw=(Thrown("409", SETTLED), Thrown("x"))), False, ["threw", "threw_settled"]),
        (seen(state=None), False, []),
    ],
)
def test_the_verdict(run: Observation, lasting: bool, kinds: list[str] | None) -> None:
    """An app may give up where asking again is in vain, but not behind anybody's back."""
    found = judge(seen(), run, lasting=lasting)
    assert [each.kind for each in found] == (
        kinds or ["status", "unacknowledged"] * (kinds is None)
    )
    assert all(each.what and each.fix for each in found)
    assert [each.harmless for each in found] == [each.kind == "threw_settled" for each in found]


def test_success_where_the_calm_run_failed_is_no_giving_up() -> None:
    calm = seen(status=TransferStatus.INCOMPLETE)
    assert [each.kind for each in judge(calm, seen(), lasting=True)] == ["status"]


def test_states_are_compared_in_one_form() -> None:
    """Ids of a run have names, JSON has its keys in order, lines only if asked for."""
    assert canonical('{"b": 1, "a": "t-1"}', {"t-1": "<transfer>"}) == (
        '{\n "a": "<transfer>",\n "b": 1\n}'
    )
    assert canonical('x {"b": 1}\n{"b": 1, "a": 2}  \n', {}) == 'x {"b": 1}\n{"a": 2, "b": 1}'
    assert canonical("b\na", {}) != canonical("a\nb", {})
    assert canonical("b\na", {}, unordered=True) == canonical("a\nb", {}, unordered=True)
    assert canonical("", {}) == ""


def test_lines_of_json_end_by_a_newline_alone() -> None:
    """Not by what else ends a line in a text of an app."""
    one, other = '["b", "y\u2028z"]', '["a", "t-1\x85"]'
    assert canonical_lines(f"{one}\n{other}", {"t-1": "x"}) == f'["a", "x\x85"]\n{one}'
    assert canonical_lines("", {}) == ""


@settings(deadline=None, max_examples=40)
@given(st.text(), st.text())
def test_a_difference_is_told_where_there_is_one(one: str, other: str) -> None:
    assert bool(difference(one, other)) == (one.splitlines() != other.splitlines())
