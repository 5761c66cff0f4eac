"""Calls of a product are answered from fixtures: which one, what is wrong with one, and none."""

import asyncio
import base64
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from ferryman.errors import Invalid
from ferryman.functions.call import FunctionCall
from ferryman.functions.fixture_choice import fixture_for, fixture_to_add
from ferryman.functions.overrides import read_overrides
from ferryman.functions.pool import FunctionPool

APP = """\
// As the package from npm calls it.
const call = async ({ target, path, init }) => {
  const answer = await globalThis.__forge_fetch__({ type: 'fpp', ...target }, path, init);
  return [answer.status, answer.headers.get('content-type'), await answer.text()];
};

export const run = async ({ calls }) => {
  const said = [];
  for (const each of calls) said.push(await call(each).catch((error) => error.message));
  console.log(JSON.stringify(said));
};
"""
FIXTURES: dict[str, Any] = {
    "issue.json": {"path": "/rest/api/3/issue/*", "body": {"key": "ANY"}},
    "one.json": {"path": "/rest/api/3/issue/ABC-1", "body": {"key": "ABC-1"}},
    "more.json": [
        {"path": "/rest/api/3/issue/*", "method": "PUT", "status": 204},
        {"path": "/rest/api/3/search?jql=project=*&startAt=0", "body": {"issues": []}},
        {"path": "/rest/api/3/search", "body": {"issues": ["any"]}},
        {"path": "/rest/x y", "status": 404, "body": "none", "headers": {"Content-Type": "text/x"}},
        {"path": "/files/**", "base64": "AAH/", "headers": {"content-type": "image/png"}},
    ],
    "deep/er.json": {"path": "/deep", "body": "\N{BLACK HEART SUIT}"},
}
JSON, TEXT = "application/json", "text/plain; charset=utf-8"
CALLS: list[tuple[str, dict[str, Any], Any]] = [
    ("/rest/api/3/issue/ABC-1", {}, [200, JSON, '{"key": "ABC-1"}']),
    ("/rest/api/3/issue/ABC-2?expand=names", {}, [200, JSON, '{"key": "ANY"}']),
    ("/rest/api/3/issue/ABC-2", {"method": "put", "body": "{}"}, [204, None, ""]),
    ("/rest/api/3/issue/ABC-1", {"method": "HEAD"}, "requestJira(HEAD /rest/api/3/issue/ABC-1)"),
    ("/rest/api/3/search?startAt=0&jql=project%3DABC", {}, [200, JSON, '{"issues": []}']),
    ("/rest/api/3/search?startAt=50&jql=project%3DABC", {}, [200, JSON, '{"issues": ["any"]}']),
    ("rest/x y", {}, [404, "text/x", "none"]),
    ("https://elsewhere.example/deep", {}, [200, TEXT, "\N{BLACK HEART SUIT}"]),
    ("/files/a/b.png", {}, [200, "image/png", "\x00\x01\N{REPLACEMENT CHARACTER}"]),
    ("/files", {}, "requestJira(GET /files)"),
    ("/rest/api/3/issue/ABC-1/comment", {}, "requestJira(GET /rest/api/3/issue/ABC-1/comment)"),
]


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A folder with an app and answers of Jira."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "index.js").write_text(APP)
    (tmp_path / "ferryman.toml").write_text('[products.jira]\nfixtures = "answers/jira/"\n')
    for name, content in FIXTURES.items():
        file = tmp_path / "answers" / "jira" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content))
    return tmp_path


async def called(pool: FunctionPool, app: Path, calls: Sequence[Mapping[str, Any]]) -> list[Any]:
    event = {"calls": calls}
    call = FunctionCall(source=app, handler="index.run", event=event, context={}, environment={})
    outcome = await pool.invoke(call)
    assert outcome.ok, outcome.error
    said: list[Any] = json.loads(outcome.output)
    return said


@pytest.mark.usefixtures("javascript")
def test_the_most_exact_fixture_answers(app: Path) -> None:
    """In one call of a function; afterwards what changes in the folder counts at once."""
    new = {"path": "/new", "body": {"is": "new"}}
    jira = {"remote": "jira"}

    async def run() -> None:
        async with FunctionPool(concurrency=1) as pool:
            calls = [{"target": jira, "path": path, "init": init} for path, init, _ in CALLS]
            said = await called(pool, app, calls)
            for (path, _, expected), found in zip(CALLS, said, strict=True):
                if isinstance(expected, str):
                    assert found.startswith(f"{expected}: no fixture answers this call"), path
                else:
                    assert found == expected, path
            context = {"contextAri": "ari:cloud:jira-software::site/1"}
            others = [
                {"target": context, "path": "/deep"},
                {"target": {"remote": "confluence"}, "path": "/wiki"},
                {"target": jira, "path": "/new"},
            ]
            deep, confluence, missing = await called(pool, app, others)
            assert deep[0] == 200
            assert "[products.confluence] fixtures = " in confluence
            # The error names the file and the line to add: do so, and it is answered.
            place, _, line = missing.rpartition("Add it as ")[2].partition(": ")
            assert json.loads(line) == {"path": "/new", "body": {}}
            (app / place).write_text(json.dumps(new))
            [answered] = await called(pool, app, others[2:])
            assert answered == [200, JSON, '{"is": "new"}']

    asyncio.run(run())


def test_the_proxy_of_a_container_service_chooses_the_same(app: Path) -> None:
    """By the path that a client sends; and it names the same file to add."""
    fixtures = read_overrides(app).fixtures["jira"]
    for path, init, expected in CALLS:
        method = init.get("method", "GET").upper()
        target = URL("http://product.invalid").join(URL(path)).raw_path_qs
        row = fixture_for(fixtures, method, target)
        if isinstance(expected, str):
            assert row is None, path
            continue
        assert row is not None, path
        assert isinstance(row["headers"], dict)
        headers = {name.lower(): value for name, value in row["headers"].items()}
        body = base64.b64decode(str(row["body"])).decode("utf-8", "replace")
        kind = None if row["status"] == 204 else headers["content-type"]
        assert [row["status"], kind, body] == expected, path
    line = fixture_to_add(fixtures, "jira", "GET", "/new?a=1")
    assert line == 'answers/jira/new.json: {"path": "/new?a=1", "body": {}}'


@pytest.mark.parametrize(
    ("fixture", "words"),
    [
        ("{", "answers/jira/issue.json to be JSON"),
        ("null", r"the fixture of answers/jira/issue\.json to be an object with a path"),
        ("[3]", r"\[0\] of answers/jira/issue\.json to be a mapping"),
        ("{}", "path of answers/jira/issue.json to be a string"),
        ('{"path": "rest"}', "path of .* to be a path that begins with a slash"),
        ('{"path": "/", "method": "get"}', "method of .* to be one of GET, HEAD"),
        ('{"path": "/", "status": 100}', "status of .* to be a status from 200 to 599"),
        ('{"path": "/", "status": true}', "status of .* to be a status from 200 to 599"),
        ('{"path": "/", "headers": {"a": 1}}', "headers.a of .* to be a string"),
        ('{"path": "/", "bodies": 1}', "bodies of .* to be one of method.*nearest is 'body'"),
        ('{"path": "/", "body": 1, "base64": "AA=="}', "body or base64, not both"),
        ('{"path": "/", "base64": "?"}', "base64 of .* to be bytes in base64"),
    ],
)
def test_a_mistake_in_a_fixture_is_named(app: Path, fixture: str, words: str) -> None:
    (app / "answers" / "jira" / "issue.json").write_text(fixture)
    with pytest.raises(Invalid, match=words):
        read_overrides(app)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[products.jira]", "products.jira.fixtures to be a string"),
        ("[products.jira]\nfixtures = 'gone/'", "a folder in the app's folder that exists"),
        ("[products.jira]\nfixtures = '../'", "a folder in the app's folder that exists"),
        ("[products.jira]\nfixture = 'jira'", "products.jira.fixture to be one of fixtures"),
    ],
)
def test_a_mistake_in_the_folder_is_named(app: Path, text: str, words: str) -> None:
    (app / "ferryman.toml").write_text(text)
    with pytest.raises(Invalid, match=words):
        read_overrides(app)


def test_a_fixture_that_is_no_file_of_the_app_is_not_read(app: Path, tmp_path: Path) -> None:
    """A link out of the folder answers nothing; a pipe isn't waited for."""
    folder = app / "answers" / "jira"
    (folder / "out.json").symlink_to("/etc/passwd")
    assert len(read_overrides(app).fixtures["jira"].rows) == 8
    os.mkfifo(folder / "pipe.json")
    with pytest.raises(Invalid, match=r"pipe\.json to be a file"):
        read_overrides(app)


def test_a_folder_has_so_many_files_of_so_many_bytes(app: Path) -> None:
    folder = app / "answers" / "jira" / "many"
    folder.mkdir()
    for number in range(1_000 - len(FIXTURES)):
        (folder / f"{number}.json").write_text("[]")
    assert len(read_overrides(app).fixtures["jira"].rows) == 8
    (folder / "one-more.json").write_text("[]")
    with pytest.raises(Invalid, match="at most 1000 files; found 1001"):
        read_overrides(app)
    (folder / "one-more.json").unlink()
    with (folder / "0.json").open("r+") as large:
        large.truncate(8 << 20)
    with pytest.raises(Invalid, match="at most 8 MiB of files"):
        read_overrides(app)
