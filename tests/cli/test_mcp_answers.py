"""What the tools of ``ferryman mcp`` take and give: schemas, marks, bounds, paths, documents."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.cli.mcp import documents
from ferryman.cli.mcp.answer import LARGEST, MARK, Answers
from ferryman.cli.mcp.calls import Calls
from ferryman.cli.mcp.reading import READING
from ferryman.cli.mcp.tool import Call, Tool
from ferryman.cli.mcp.writing import WRITING
from ferryman.cli.session import Session
from ferryman.errors import ConfigError
from ferryman.vocab import MessageState
from ferryman.wire.app import BreakerView
from ferryman.wire.transfer import LinkView

TOOLS = (*READING, *WRITING)
DIALECT = "https://json-schema.org/draft/2020-12/schema"
SECRET = "fm_operator_0123456789abcdefghij"


def link(**given: Any) -> LinkView:
    return LinkView(**{"name": "delivery", "holds": False, "found": "obey me", **given})


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_each_tool_is_described_by_a_schema(tool: Tool[Any]) -> None:
    """Of JSON Schema, an object at its root, which knows all its members; and by a sentence."""
    schema = tool.schema
    jsonschema_rs.meta.validate(
        {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema
    )
    assert (schema["type"], schema["additionalProperties"]) == ("object", False)
    assert tool.description.endswith(".")
    assert ". " not in tool.description
    valid = jsonschema_rs.validator_for(schema)
    assert not valid.is_valid({"unknown": 1})
    assert valid.is_valid(dict.fromkeys(schema["required"], "x")) or tool.name == "get_schema"


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"transfer": 1},
        {"transfer": ""},
        {"transfer": "@last", "limit": 0},
        {"transfer": "@last", "limit": 101},
        {"transfer": "@last", "newest_first": True},
    ],
)
def test_arguments_that_the_schema_refuses_are_refused(arguments: dict[str, Any]) -> None:
    [tool] = [each for each in TOOLS if each.name == "read_timeline"]
    assert not jsonschema_rs.validator_for(tool.schema).is_valid(arguments)
    answer, failed = Calls(Session, Path("/"), write=False).answer(tool.name, arguments)
    assert failed
    assert answer["error"]["code"] == "tool_arguments_invalid"
    assert set(answer["error"]["found"]) == {"untrusted"}


def test_text_is_marked_unless_it_is_known_to_be_ours() -> None:
    """Ids, states, keys, codes and events are; labels, errors and what a link found are not."""
    answer = Answers(()).whole(
        link=link(cause="function_raised", fix="Fix it."),
        finding={"check": "route_unknown", "why": "obey"},
        data={"label": "obey", "messageId": "m", "after": MessageState.PENDING, "n": 1},
        event="avi:ecosystem.migration:uploaded:app_data",
        names=["obey", "83c9b5c6-3b74-4ba0-92d5-a69c1d136707"],
    )
    assert answer == {
        "link": {
            "name": "delivery",
            "holds": False,
            "found": {"untrusted": "obey me"},
            "fix": "Fix it.",
            "cause": "function_raised",
        },
        "finding": {"check": "route_unknown", "why": {"untrusted": "obey"}},
        "data": {"label": {"untrusted": "obey"}, "messageId": "m", "after": "PENDING", "n": 1},
        "event": "avi:ecosystem.migration:uploaded:app_data",
        "names": [{"untrusted": "obey"}, "83c9b5c6-3b74-4ba0-92d5-a69c1d136707"],
        "note": MARK,
    }
    breaker = BreakerView(
        endpoint="/x", breaker="OPEN", open_until=1, trips=1, last_error="obey", changed_at=1
    )
    assert Answers(()).whole(it=breaker)["it"]["lastError"] == {"untrusted": "obey"}
    assert "note" not in Answers(()).whole(nothing=[])


def test_a_fix_that_quotes_somebody_is_marked() -> None:
    """One of them names the nearest key, which a customer wrote."""
    quotes = link(cause="mapping_key_form", fix="Query with a; the nearest key is obey me.")
    for each in (quotes, link(fix="obey me")):
        assert set(Answers(()).whole(it=each)["it"]["fix"]) == {"untrusted"}


def test_no_secret_is_in_an_answer() -> None:
    said = Answers(('shared"secret',)).whole(
        it=[f"a {SECRET} b", 'a shared"secret b', "https://x.example/objects/1?sig=abc"]
    )
    text = json.dumps(said)
    assert SECRET not in text
    assert "abc" not in text
    assert text.count("[secret]") == 3


def test_a_secret_that_would_be_cut_is_in_no_answer() -> None:
    """Not by its beginning either, which no pattern finds."""
    whole = ("an app's own secret, of any form", SECRET)
    for secret in whole:
        for before in range(4_000 - len(secret), 4_000):
            text = "x" * before + secret + "y" * 40_000
            [shown] = Answers(whole).whole(it=[text])["it"]
            assert secret[:6] not in shown["untrusted"]


VALUES = st.recursive(
    st.integers() | st.text(max_size=20) | st.integers(0, 90_000).map("x".__mul__),
    lambda inner: (
        st.lists(inner, max_size=30) | st.dictionaries(st.sampled_from("abcdef"), inner, max_size=6)
    ),
    max_leaves=30,
)


@given(VALUES, st.integers(1, 300))
def test_an_answer_is_bounded_and_says_so(value: Any, times: int) -> None:
    whole = [value] * times
    answer = Answers(()).whole(it=whole)
    assert len(msgspec.json.encode(answer)) <= LARGEST + len(MARK) + 100
    cut = "length" in json.dumps(answer) or "omitted" in json.dumps(answer)
    assert answer.get("truncated", False) is cut


@dataclass
class Part:
    """A page of a list."""

    items: list[Any]
    next_cursor: str | None


@given(st.lists(st.integers(0, 30_000), max_size=60), st.integers(1, 100))
def test_pages_leave_no_item_out(sizes: list[int], limit: int) -> None:
    """However long their texts are, each item is on one page, at least by its beginning."""
    items = [{"n": number, "text": "y" * size} for number, size in enumerate(sizes)]

    def fetch(cursor: str | None, size: int) -> Part:
        begin = int(cursor or 0)
        end = begin + size
        return Part(items[begin:end], str(end) if end < len(items) else None)

    cursor, seen = None, list[int]()
    while True:
        answer = Answers(()).page(fetch, cursor, limit)
        assert len(msgspec.json.encode(answer)) <= LARGEST + len(MARK) + 100
        assert len(answer["items"]) <= limit
        seen += [each["n"] for each in answer["items"]]
        if (cursor := answer["nextCursor"]) is None:
            break
    assert seen == [*range(len(items))]


def test_paths_lead_nowhere_else(tmp_path: Path) -> None:
    """Not by dots, from the root or over a link, and to no hidden name."""
    folder = (tmp_path / "app").resolve()
    (folder / ".ferryman").mkdir(parents=True)
    (folder / "link").symlink_to(tmp_path)
    (folder / "loop").symlink_to("loop")
    (folder / "notes").mkdir()
    call = Call(Session(), folder)
    assert call.path("notes/1.txt") == folder / "notes" / "1.txt"
    assert call.path(".") == call.path(str(folder)) == folder
    for text in (
        "..",
        "/etc/passwd",
        "link/x",
        "notes/../../y",
        ".ferryman/operator-token",
        ".env",
        "notes/\0",
        *(("loop",) if sys.version_info < (3, 13) else ()),
    ):
        with pytest.raises(ConfigError) as refused:
            call.path(text)
        assert refused.value.code == "tool_path_outside"


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an app, where a server of tools runs, with secrets in it and beside it."""
    folder = (tmp_path / "app").resolve()
    (folder / "export").mkdir(parents=True)
    for other in (folder / ".ferryman", tmp_path / "other"):
        other.mkdir()
    for name in ("export/note", ".ferryman/dev.json", "../secret", "../other/x"):
        (folder / name).write_text("{}")
    monkeypatch.chdir(folder)
    return folder


def code_of(app: Path, tool: str, **arguments: object) -> str:
    calls = Calls(lambda: Session(data_dir=app / ".ferryman"), app, write=True)
    answer, failed = calls.answer(tool, arguments)
    assert failed, answer
    code: str = answer["error"]["code"]
    return code


@pytest.mark.parametrize(
    "target", ["../../secret", "../../other", "../.ferryman", "../.ferryman/dev.json"]
)
def test_links_in_a_folder_that_is_sent_lead_nowhere_else(app: Path, target: str) -> None:
    assert code_of(app, "migrate_files", files="export") == "operator_token_missing"
    (app / "export" / "link").symlink_to(target)
    assert code_of(app, "migrate_files", files="export") == "tool_path_outside"


@pytest.mark.parametrize("mappings", ["../secret", ".ferryman/dev.json"])
def test_a_plan_leads_nowhere_else(app: Path, mappings: str) -> None:
    """Its mappings count where none are given; the plan itself may be a link as well."""
    (app / "plan.toml").write_text(f'mappings = "{mappings}"\n')
    sent: dict[str, dict[str, object]] = {
        "migrate_files": {"files": "export"},
        "trigger_event": {"event": "uploaded:app_data", "file": "export/note"},
    }
    for tool, arguments in sent.items():
        assert code_of(app, tool, **arguments) == "tool_path_outside"
        given = code_of(app, tool, **arguments, mappings="export/note")
        assert given == "operator_token_missing"
    (app / "plan.toml").unlink()
    (app / "plan.toml").symlink_to("../secret")
    for tool, arguments in sent.items():
        assert code_of(app, tool, **arguments) == "tool_path_outside"


@pytest.mark.parametrize("name", ["manifest.yml", "index.py", "plan.toml"])
def test_an_app_that_is_checked_leads_nowhere_else(app: Path, name: str) -> None:
    """A finding may quote what could not be read."""
    (app / "manifest.yml").write_text("{}")
    (app / name).unlink(missing_ok=True)
    (app / name).symlink_to("../secret")
    assert code_of(app, "check_app") == "tool_path_outside"


def test_every_page_can_be_read_and_unknown_ones_are_refused() -> None:
    known = {each.address: each for each in documents.documents()}
    assert "ferryman://docs/how-to/find-out-why.md" in known
    assert "ferryman://schemas/forge-event.json" in known
    assert all(each.title and len(each.text) > 100 for each in known.values())
    for address in ("ferryman://docs/adr/README.md", "ferryman://docs/../README.md", ""):
        with pytest.raises(ConfigError):
            documents.document(address)


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("why does nothing arrive", "how-to/find-out-why.md"),
        ("id_ambiguous", "reference/errors.md"),
        ("ferryman trigger", "how-to/create-an-app.md"),
        ("redeliver undelivered messages", "how-to/watch-the-platform.md"),
    ],
)
def test_search_finds_the_page(text: str, page: str) -> None:
    found = documents.found(text, 20)
    assert f"ferryman://docs/{page}" in [each.address for each in found]
    answer, _ = Calls(Session, Path("/"), write=False).answer(
        "search_docs", {"text": text, "limit": 20}
    )
    assert len(json.dumps(answer)) < LARGEST
    assert documents.found("xyzzy plugh", 20) == []
