"""What a search for faults tries first, and how it makes a plan that fails smaller."""

import pytest

from ferryman.domain.fault_candidates import covers, reductions, singles
from ferryman.domain.fault_plan import (
    ANY,
    CALLS,
    EVENTS,
    FAULT_KINDS,
    Fault,
    call_name,
    lasting,
    parse,
    words,
)
from ferryman.errors import ConfigError

FORGE = "/app/migration/forge/v1"
OF_CALLS = {"kill-after", "kill", "503", "429", "lost", "404", "403", "500", "409"}


def texts(plans: object) -> list[str]:
    return [",".join(map(str, plan)) for plan in plans]  # type: ignore[attr-defined]


def test_the_first_faults_of_a_small_run() -> None:
    """The most productive kind of each name, then the next kind of each."""
    found = texts(singles({"uploaded": 2, "settled": 1, "acknowledge": 1, "payload": 1}))
    assert found[:9] == [
        *("uploaded=together", "uploaded:1=twice", "settled:1=twice", "acknowledge:1=kill-after"),
        *("payload:1=cut", "uploaded:1=after-all", "settled:1=at-once", "acknowledge:1=kill"),
        "payload:1=kill-after",
    ]
    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("uploaded", {"twice", "after-all", "at-once", "last", "first", "late"}),
        ("settled", {"twice", "at-once"}),
        ("acknowledge", OF_CALLS),
        ("url", {"expired", *OF_CALLS}),
        ("payload", {"cut", "slow", "limit", *OF_CALLS}),
        ("file", {"cut", "slow", "limit", *OF_CALLS}),
        ("find", {"cut", *OF_CALLS}),
    ],
)
def test_every_kind_that_fits_a_name_is_tried(name: str, kinds: set[str]) -> None:
    tried = [step for (step,) in singles({name: 1})]
    assert {step.target for step in tried} == {name}
    assert {step.how for step in tried} == kinds
    of = "event" if name in EVENTS else "call"
    assert all(FAULT_KINDS[step.how].of == of for step in tried)


@pytest.mark.parametrize(
    ("count", "numbers"), [(0, []), (1, [1]), (2, [1, 2]), (3, [1, 2, 3]), (9, [1, 2, 9])]
)
def test_the_first_the_second_and_the_last_are_disturbed(count: int, numbers: list[int]) -> None:
    tried = {step.nth for (step,) in singles({"find": count})}
    assert tried == set(numbers)


def test_all_calls_together_are_not_disturbed_one_by_one() -> None:
    assert singles({ANY: 9}) == []


@pytest.mark.parametrize(
    ("plan", "smaller"),
    [
        ("find:1=503", []),
        ("find:3=503", ["find:1=503"]),
        ("find=503", ["find:1=503"]),
        ("uploaded=together", []),
        ("find:1=503,url:1=kill", ["url:1=kill", "find:1=503"]),
        ("find:1=503,find:2=503", ["find:2=503", "find:1=503"]),
        (
            "find:1=503,url:1=kill,log:1=429",
            ["url:1=kill,log:1=429", "find:1=503,log:1=429", "find:1=503,url:1=kill"],
        ),
        (
            "a:1=x,b:1=x,c:1=x,d:2=x",
            [
                *("a:1=x,b:1=x", "c:1=x,d:2=x", "b:1=x,c:1=x,d:2=x", "a:1=x,c:1=x,d:2=x"),
                *("a:1=x,b:1=x,d:2=x", "a:1=x,b:1=x,c:1=x", "a:1=x,b:1=x,c:1=x,d:1=x"),
            ],
        ),
    ],
)
def test_a_plan_is_made_smaller(plan: str, smaller: list[str]) -> None:
    """Halves, then one fault fewer, then a plainer fault."""
    steps = []
    for part in plan.split(","):
        target, _, how = part.partition("=")
        name, _, nth = target.partition(":")
        steps.append(Fault(name, how, int(nth) if nth else None))
    assert texts(reductions(tuple(steps))) == smaller


@pytest.mark.parametrize(
    ("known", "plan", "covered"),
    [
        ("find:1=503", "find:2=503", True),
        ("find:1=503", "find:1=429", False),
        ("find:1=503", "url:1=503", False),
        ("find:1=503,find:2=503", "find:1=503", False),
        ("find:1=503", "find:1=503,url:1=kill", True),
    ],
)
def test_a_plan_with_all_faults_of_another_says_nothing_new(
    known: str, plan: str, covered: bool
) -> None:
    assert covers(parse(known), parse(plan)) is covered


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", f"{FORGE}/log/t", "log"),
        ("GET", f"{FORGE}/mapping/t/page", "mappings"),
        ("GET", f"{FORGE}/container/t/page", "containers"),
        ("GET", f"{FORGE}/data/t/page", "files"),
        ("GET", "/objects/k/", "file"),
        ("GET", f"{FORGE}/log/t", None),
        ("HEAD", f"{FORGE}/log/t", None),
    ],
)
def test_calls_have_names(method: str, path: str, name: str | None) -> None:
    assert call_name(method, path) == name
    assert name is None or name in CALLS


@pytest.mark.parametrize("text", ["find:1%=503", "find:100%=503", "any=expired", "url=expired"])
def test_what_is_a_step(text: str) -> None:
    assert str(parse(text)[0]) == text


@pytest.mark.parametrize(
    "text", ["find:0%=503", "find:101%=503", "uploaded:5%=late", "find=expired"]
)
def test_what_is_no_step(text: str) -> None:
    with pytest.raises(ConfigError):
        parse(text)


@pytest.mark.parametrize("how", FAULT_KINDS)
def test_an_app_may_give_up_where_a_retry_changes_nothing(how: str) -> None:
    assert lasting((Fault("find", "503"), Fault("find", how))) is (how in {"403", "404", "409"})


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("uploaded:2=twice", "event uploaded number 2 is delivered a second time"),
        ("uploaded=together", "every event uploaded comes at the same time"),
        ("find:20%=429", "call find, 20 % is answered with 429"),
        ("any:20%=429", "20 % of the calls is answered with 429"),
        ("any:7=kill", "call number 7 is not made"),
        ("any=kill", "every call is not made"),
    ],
)
def test_a_step_in_words(step: str, said: str) -> None:
    assert words(parse(step)[0]).startswith(said)
