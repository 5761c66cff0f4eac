"""The rules of plans: what one says, and every fault of it by field and line."""

import pytest

from ferryman.plan import Plan, line_of, read_text, request_of

WHOLE = """\
# a comment
name = "Wave 1"
site = "https://harbour.example"
source = "dc-1"
app = "org.example.boards"
server-app = "org.example.server"
environment = "staging"
containers = [
  "JiraProject:ABC:A project",
  "Site",
]
[labels]
"notes-*" = "notes"
"""


@pytest.mark.parametrize("text", [WHOLE, "\ufeff" + WHOLE, WHOLE.replace("\n", "\r\n")])
def test_a_plan_is_read(text: str) -> None:
    plan, faults = read_text(text)
    assert faults == []
    assert plan is not None
    request = request_of("org.example.boards@staging", plan)
    assert (request.name, request.cloud_url) == ("Wave 1", "https://harbour.example")
    assert request.source_id == "dc-1"
    assert [(each.type, each.key, each.name) for each in request.containers] == [
        ("JiraProject", "ABC", "A project"),
        ("Site", None, None),
    ]
    assert plan.labels == {"notes-*": "notes"}


def test_what_a_plan_leaves_out_has_a_value() -> None:
    plan, faults = read_text("")
    assert (plan, faults) == (Plan(), [])
    assert plan is not None
    assert request_of("k@e", plan).name == "A try"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name = 3", [("name", 1, "int")]),
        ("\nsites = 'x'\nname = ''", [("sites", 2, "the nearest is 'site'")]),
        ("name = 1\nsite = 2\nfoo = 3", [("name", 1, ""), ("site", 2, ""), ("foo", 3, "unknown")]),
        (
            "containers = ['Site', 'Project:A', 'JiraProject']",
            [("containers", 1, "Project:A"), ("containers", 1, "'JiraProject'")],
        ),
        ("containers = 'Site'", [("containers", 1, "str")]),
        ("name = 'a'\n\n[labels]\nx = 1", [("labels", 3, "int")]),
        ("name = 'a'\nname = 'b'", [("", 2, "")]),
        ("name = 'a'\nsite = ", [("", 2, "")]),
        ("name = 'a\n", [("", 1, "")]),
        ("a = " + "[" * 20_000, [("", None, "deep")]),
        ("#" + "x" * (1 << 20), [("", None, "more")]),
        ("name = 'a'\nsite = " + "1" * 5000, [("", None, "digits")]),
        ("name = 'a'\nx" + ". 'y'" * 40 + " = 1", [("", 2, "parts")]),
        ("[labels]\r\nx = 1\r\n", [("labels", 1, "int")]),
        ("labels.x = 1", [("labels", 1, "int")]),
        ("\n'name' = 1", [("name", 2, "int")]),
        ("name = 'a' # \u2028\nsite = 'b\n", [("", 2, "")]),
    ],
)
def test_every_fault_is_named(text: str, told: list[tuple[str, int | None, str]]) -> None:
    plan, faults = read_text(text)
    assert plan is None
    found = [(each.field, each.line) for each in faults]
    assert found == [(field, line) for field, line, _ in told]
    for fault, (_, _, part) in zip(faults, told, strict=True):
        assert part in fault.found
        assert fault.expected


def test_of_very_many_faults_the_first_are_named() -> None:
    """Looking for the lines of a hundred thousand would take minutes."""
    plan, faults = read_text("".join(f"a{number} = 1\n" for number in range(10_000)))
    assert plan is None
    assert [(each.field, each.line) for each in faults[:2]] == [("a0", 1), ("a1", 2)]
    assert (len(faults), faults[-1].found) == (101, "more")


def test_the_line_of_a_field_is_that_of_its_own_name() -> None:
    assert line_of(WHOLE, "app") == 5
    assert line_of(WHOLE, "server-app") == 6
    assert line_of(WHOLE, "files") is None
    assert line_of(WHOLE, "") is None
