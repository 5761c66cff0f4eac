"""A Connect app's descriptor that the app serves, by real HTTP."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from ferryman.client.admin import AdminClient
from ferryman.client.local import URL
from ferryman.devtools.dev.app import DevApp
from tests.functions.test_descriptor import SOUND
from tests.kit.command import Command
from tests.kit.http_server import serving


class Serving(BaseHTTPRequestHandler):
    """Answers by the path: the descriptor, a redirect to it, an error, or too much."""

    def do_GET(self) -> None:
        body = json.dumps(SOUND).encode()
        status = {"/redirect": 302, "/error": 500}.get(self.path, 200)
        self.send_response(status)
        self.send_header("Location", "/descriptor")
        self.end_headers()
        self.wfile.write(b" " * (1 << 20) + body if self.path == "/large" else body)


@pytest.fixture
def served() -> Iterator[str]:
    with serving(Serving) as url:
        yield url


def test_doctor_reads_it_where_it_is_served(ferryman: Command, served: str, tmp_path: Path) -> None:
    """The folder needs no file of it; what is wrong with it is told by its address."""
    assert ferryman.json("doctor", str(tmp_path), "--descriptor", f"{served}/descriptor") == []
    done = ferryman(
        *("doctor", str(tmp_path), "--descriptor", f"{served}/descriptor", "--cloud-key", "other")
    )
    assert done.returncode == 1
    assert "[cloud_key_mismatch]" in done.stdout


@pytest.mark.parametrize(
    ("path", "found"), [("/redirect", "302"), ("/error", "500"), ("/large", "more")]
)
def test_an_answer_that_is_no_descriptor_is_refused_once(
    ferryman: Command, served: str, tmp_path: Path, path: str, found: str
) -> None:
    """In both commands, as by the registration; a redirect is not followed."""
    for name in ("doctor", "dev"):
        said = ferryman.refused(
            "descriptor_unreachable", name, str(tmp_path), "--descriptor", served + path
        )
        assert f"found     {found}" in said


def test_other_schemes_are_refused(ferryman: Command, tmp_path: Path) -> None:
    for address in ("ftp://127.0.0.1/x", "file:///etc/passwd"):
        said = ferryman.refused(
            "descriptor_unreachable", "doctor", str(tmp_path), "--descriptor", address
        )
        assert "found     an address that begins with" in said


def test_an_app_is_registered_by_what_it_serves(served: str, tmp_path: Path) -> None:
    """Also beside a manifest, which it counts in place of."""
    (tmp_path / "manifest.yml").write_text("app: {}\n")
    where = f"{served}/descriptor"
    app = DevApp(AdminClient(URL, ""), tmp_path, tmp_path, None, None, "development", where)
    registration = app.registration()
    assert registration.descriptor == SOUND
    assert registration.manifest is None
