"""How commands end when the platform, its address or its token is not what it should be."""

import json
import signal
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.kit.command import Command, command
from tests.kit.function_app import FunctionMigration
from tests.kit.http_server import serving
from tests.kit.platform import PlatformProcess


def test_a_platform_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    """What was tried and what to do, in one line, without a traceback."""
    done = command("http://127.0.0.1:1", tmp_path)("clock", "show", "--token", "any")
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert "http://127.0.0.1:1" in line
    assert "ferryman serve" in line
    assert "--url" in line


def test_a_refusal_is_a_document_too(tmp_path: Path) -> None:
    """With --json standard output holds the reason, for programs."""
    done = command("http://127.0.0.1:1", tmp_path)("clock", "show", "--token", "any", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["code"] == "platform_unreachable"


@pytest.mark.parametrize("url", ["", "platform", "ftp://127.0.0.1", "http://", "http://a b"])
def test_an_address_that_cannot_be_one(ferryman: Command, url: str) -> None:
    """It is named before anything is sent."""
    ferryman.refused("url_invalid", "clock", "show", "--url", url)


def test_no_token(ferryman: Command, tmp_path: Path) -> None:
    """The file that was looked for is named, and the other ways to give the token."""
    said = ferryman.given(FERRYMAN_DATA_DIR=str(tmp_path)).refused(
        "operator_token_missing", "clock", "show"
    )
    assert str(tmp_path / "operator-token") in said
    assert "--token" in said
    assert "ferryman dev" in said


def test_a_wrong_token(ferryman: Command) -> None:
    """The platform's own three sentences are shown."""
    said = ferryman.refused("operator_token_invalid (401)", "app", "list", "--token", "wrong")
    assert "wrong" not in said.splitlines()[1]


def test_the_token_can_be_given(ferryman: Command, platform_process: PlatformProcess) -> None:
    """By option and by variable, without the platform's folder."""
    token = platform_process.operator_token
    elsewhere = ferryman.given(FERRYMAN_DATA_DIR="/nowhere")
    elsewhere.ok("clock", "show", "--token", token)
    elsewhere.given(FERRYMAN_OPERATOR_TOKEN=token).ok("clock", "show")


@pytest.mark.parametrize("token", ["{}\n", "{}\u00e9"])
@pytest.mark.parametrize(
    ("variable", "words"),
    [
        ("FERRYMAN_OPERATOR_TOKEN", ("clock", "show")),
        ("FERRYMAN_SERVER_TOKEN", ("data", "complete", "--transfer", "x")),
    ],
)
def test_a_token_that_no_header_carries(
    ferryman: Command, variable: str, words: tuple[str, ...], token: str
) -> None:
    """Its variable is named; the token is not shown."""
    secret = "a-secret-of-an-operator"
    said = ferryman.given(**{variable: token.format(secret)}).refused("token_unsendable", *words)
    assert variable in said
    assert secret not in said


def test_a_kept_token_that_no_header_carries(ferryman: Command, tmp_path: Path) -> None:
    """The file is named."""
    file = tmp_path / "operator-token"
    file.write_text("two tokens\n")
    said = ferryman.given(FERRYMAN_DATA_DIR=str(tmp_path)).refused(
        "token_unsendable", "clock", "show"
    )
    assert (str(file) in said, "two tokens" in said) == (True, False)


@pytest.fixture
def other_server() -> Iterator[str]:
    """A web server that is not Ferryman."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if "clock" in self.path else 404)
            self.end_headers()
            self.wfile.write(b"<html>Welcome</html>")

    with serving(Handler) as url:
        yield url


@pytest.mark.parametrize("words", [("clock", "show"), ("app", "list")])
def test_another_server(ferryman: Command, other_server: str, words: tuple[str, ...]) -> None:
    """A page of somebody else's is no traceback."""
    said = ferryman.refused("answer_unexpected", *words, "--url", other_server, "--token", "t")
    assert "--url" in said


def test_the_body_limit_of_a_proxy(ferryman: Command, small_proxy: str, tmp_path: Path) -> None:
    """A load of mappings that nginx refuses says which of its settings is too small."""
    rows = tmp_path / "rows.csv"
    rows.write_text("jira:issue,1,2\n" * 1000)
    words = ("mapping", "load", "m", str(rows), "--url", small_proxy, "--token", "t")
    said = ferryman.refused("answer_unexpected", *words)
    assert "client_max_body_size" in said
    assert "one version" not in said


@pytest.fixture
def small_proxy() -> Iterator[str]:
    """A proxy that passes no body on, and says so after it has read it."""
    view = {"migrationId": "m", "migrationScopeId": "s", "name": "n", "cloudUrl": "u"}
    more = {"sourceId": "s", "createdAt": 0, "startedAt": None, "transfers": []}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(view | more).encode())

        def do_PUT(self) -> None:
            while size := int(self.rfile.readline(), 16):
                self.rfile.read(size + 2)
            self.rfile.readline()
            self.send_response(413)
            self.end_headers()
            self.wfile.write(b"<html>413 Request Entity Too Large</html>")

    with serving(Handler) as url:
        yield url


def test_ctrl_c_is_clean(ferryman: Command, migration: FunctionMigration) -> None:
    """Watching ends at once with 130 and a word; the transfer goes on."""
    watching = ferryman.begin("transfer", "watch", migration.transfer_id)
    assert watching.stdout is not None
    while "IN_PROGRESS" not in watching.stdout.readline():
        pass
    watching.send_signal(signal.SIGINT)
    _, errors = watching.communicate(timeout=90)
    assert watching.returncode == 130
    assert "continue" in errors
    assert "Traceback" not in errors
    assert migration.status == "IN_PROGRESS"


def test_a_reader_that_has_seen_enough(ferryman: Command, migration: FunctionMigration) -> None:
    """A closed pipe ends a command without a traceback."""
    for number in range(40):
        migration.cloud.ok(
            "POST", f"/app/migration/forge/v1/log/{migration.transfer_id}", {"message": "x" * 8000}
        )
        assert number < 40
    printing = ferryman.begin("transfer", "timeline", migration.transfer_id)
    assert printing.stdout is not None
    assert printing.stderr is not None
    printing.stdout.readline()
    printing.stdout.close()
    errors = printing.stderr.read()
    printing.stderr.close()
    printing.wait(timeout=90)
    assert "Traceback" not in errors
