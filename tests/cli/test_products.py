"""``ferryman products record``: what a real site answers becomes fixtures."""

import asyncio
import json
import signal
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from ferryman.devtools.products.recorder import file_name, fixture_of
from ferryman.functions.call import FunctionCall
from ferryman.functions.pool import FunctionPool
from tests.kit import forked
from tests.kit.command import command
from tests.kit.http_server import serving

SECRET = "Basic c2VjcmV0"
APP = """\
const jira = { type: 'fpp', provider: 'app', remote: 'jira' };
const ask = async (path, init) => {
  const answer = await globalThis.__forge_fetch__(jira, path, init);
  return [answer.status, answer.headers.get('content-type'), await answer.text()];
};

export const run = async () => console.log(JSON.stringify([
  await ask('/rest/issue/A?expand=names'),
  await ask('/rest/issue/A', { method: 'PUT', body: '{"a": 1}', headers: { a: 'b' } }),
  await ask('/rest/missing'),
  await ask('/rest/picture'),
]));
"""


class Site(BaseHTTPRequestHandler):
    """A site that answers with what it was asked."""

    seen: list[tuple[str, str | None]] = []

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.seen.append((self.path, self.headers["Authorization"]))
        said = {"method": self.command, "path": self.path, "body": body}
        data = json.dumps(said).encode() if "picture" not in self.path else b"\x00\xff"
        self.send_response(404 if "missing" in self.path else 200)
        self.send_header("Content-Type", "application/json" if data[0] else "image/png")
        self.send_header("Set-Cookie", "session=hidden")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_PUT = do_GET  # noqa: N815 - as the base class has them


@pytest.fixture
def app(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "index.js").write_text(APP)
    return tmp_path


@pytest.fixture
def recorder(app: Path) -> Iterator["subprocess.Popen[str]"]:
    """The command, with a site that it records."""
    with serving(Site) as site:
        known = command("", app).given(FERRYMAN_PRODUCT_AUTHORIZATION=SECRET)
        words = [*known.words, "products", "record", "jira", site, "--port", "0"]
        with forked.Popen[str](
            [*words, "--folder", str(app / "jira")],
            env=known.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            yield process
            process.kill()


async def called(pool: FunctionPool, app: Path) -> Any:
    call = FunctionCall(source=app, handler="index.run", event={}, context={}, environment={})
    outcome = await pool.invoke(call)
    assert outcome.ok, outcome.error
    return json.loads(outcome.output)


@pytest.mark.usefixtures("javascript")
def test_what_was_recorded_answers_as_the_site_did(
    app: Path, recorder: "subprocess.Popen[str]"
) -> None:
    """By the lines that the command says; the credentials reach the site, and no file."""
    assert recorder.stdout is not None
    lines = [recorder.stdout.readline() for _ in range(3)]
    now, afterwards = (line.split(maxsplit=1)[1].strip() for line in lines[1:])
    overrides = app / "ferryman.toml"

    async def run() -> tuple[Any, Any]:
        async with FunctionPool(concurrency=1) as pool:
            overrides.write_text(now.replace("] ", "]\n"))
            live = await called(pool, app)
            recorder.send_signal(signal.SIGINT)
            assert recorder.wait(180) == 0
            overrides.write_text(afterwards.replace("] ", "]\n").replace(f"{app}/", ""))
            return live, await called(pool, app)

    live, repeated = asyncio.run(run())
    assert [each[0] for each in live] == [200, 200, 404, 200]
    assert json.loads(live[1][2]) == {"method": "PUT", "path": "/rest/issue/A", "body": '{"a": 1}'}
    assert [each[:2] for each in repeated] == [each[:2] for each in live]
    assert [json.loads(each[2]) for each in repeated[:3]] == [
        json.loads(each[2]) for each in live[:3]
    ]
    assert repeated[3] == live[3]
    assert {sent for _, sent in Site.seen} == {SECRET}
    kept = "".join(each.read_text() for each in (app / "jira").iterdir())
    said = recorder.stdout.read()
    assert "200  GET /rest/issue/A?expand=names  " in said
    for secret in (SECRET, "session=hidden"):
        assert secret not in kept + said


def test_calls_have_files_of_their_own() -> None:
    """Also those whose readable part is the same; a text that is JSON stays a text."""
    calls = [("GET", "/a/b"), ("GET", "/a-b"), ("GET", "/a/b?c"), ("PUT", "/a/b"), ("GET", "/")]
    assert len({file_name(*call) for call in calls}) == len(calls)
    assert file_name("GET", "/rest/api/3/issue/A-1?x=y").startswith("get-rest-api-3-issue-A-1-")
    assert fixture_of("GET", "/", 200, "", b'"text"')["body"] == '"text"'
    assert "body" not in fixture_of("GET", "/", 204, "", b"")


def test_what_cannot_be_recorded_is_refused(tmp_path: Path) -> None:
    with serving(Site) as site:
        port = site.rpartition(":")[2]
        known = command("", tmp_path)
        known.refused("port_taken", "products", "record", "jira", site, "--port", port)
        done = known("products", "record", "jira", "site.example")
        assert done.returncode == 2
        assert "whole http(s) address" in done.stderr
