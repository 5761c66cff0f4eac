"""A data folder has one platform; what `ferryman` says and posts to the outside."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import jwt
import psutil
import pytest

from ferryman.vocab import EventType
from tests.kit import forked
from tests.kit.function_app import FunctionMigration
from tests.kit.http_server import serving
from tests.kit.platform import PlatformProcess, wait_until

pytestmark = pytest.mark.e2e


def ferryman(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    own = {k: v for k, v in os.environ.items() if not k.startswith("FERRYMAN_")}
    return forked.run(
        [sys.executable, "-m", "ferryman", *arguments],
        env={**own, **environment},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_a_data_folder_takes_one_platform_and_is_free_after_a_kill(tmp_path: Path) -> None:
    platform = PlatformProcess(tmp_path / "data", clock="real")
    try:
        platform.start()
        server = platform.postmaster()
        (tmp_path / "link").symlink_to("data")
        token = platform.operator_token
        # As if there were a MariaDB, which one that ends stops.
        (platform.data_dir / "mariadb").mkdir()
        second = ferryman(
            *("serve", "--data-dir", str(tmp_path / "link"), "--port", "0"),
            FERRYMAN_OPERATOR_TOKEN="another-operator-token",
        )
        assert second.returncode == 2
        assert second.stdout == ""
        assert second.stderr.startswith("data_dir_in_use")
        assert "Traceback" not in second.stderr
        admin = platform.caller(platform.operator_token)
        assert admin.ok("GET", "/admin/v1/clock")["mode"] == "real"
        assert platform.postmaster() == server, "the second one touched its database"
        assert platform.operator_token == token
        assert not (platform.data_dir / "mariadb.starting").exists()

        workers = platform.workers()
        platform.kill()
        assert (platform.data_dir / "serve.lock").exists()
        platform.start()
        assert admin.ok("GET", "/admin/v1/clock")["mode"] == "real"
        assert platform.postmaster() == server, "the database that was running is used again"
        _, alive = psutil.wait_procs(workers, timeout=90)
        assert not alive
    finally:
        platform.close()


def test_a_script_completes_an_export(
    platform_process: PlatformProcess, app_folder: Path, tmp_path: Path
) -> None:
    migration = FunctionMigration.begin(platform_process, app_folder, claim=False)
    (tmp_path / "notes").write_text("harbour")
    own = {
        "FERRYMAN_URL": platform_process.url,
        "FERRYMAN_SERVER_TOKEN": migration.tokens["serverToken"],
    }
    put = ferryman(
        "data", "put", str(tmp_path / "notes"), "--transfer", migration.transfer_id, "--json", **own
    )
    assert put.returncode == 0, put.stderr
    assert migration.view()["exportCompletedAt"] is None
    for arguments, said in ((["--json"], None), ([], "The export is complete.\n")):
        done = ferryman("data", "complete", "--transfer", migration.transfer_id, *arguments, **own)
        assert (done.returncode, done.stderr) == (0, "")
        if said is None:
            expected = {"transferId": migration.transfer_id, "exportCompleted": True}
            assert json.loads(done.stdout) == expected
        else:
            assert done.stdout == said
    assert migration.view()["exportCompletedAt"] is not None
    assert migration.status == "IN_PROGRESS"
    message_id = json.loads(put.stdout.splitlines()[-1])["messageId"]
    migration.client().message_processed(migration.transfer_id, message_id)
    assert migration.status == "SUCCESS"
    wrong = ferryman("data", "complete", "--transfer", "nothing", **own)
    assert wrong.returncode == 1
    assert "transfer_not_found" in wrong.stderr
    assert "Traceback" not in wrong.stderr


@contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """A remote that takes everything; its address and the tokens that came."""
    tokens: list[str] = []

    class Remote(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            tokens.append(self.headers["Authorization"].removeprefix("Bearer "))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with serving(Remote) as url:
        yield url, tokens


@pytest.mark.parametrize("forge_app_id", [None, "2c1a7f5e-0000-4000-8000-00000000000a"])
def test_a_remote_is_called_in_the_name_that_it_knows(
    platform_process: PlatformProcess, app_folder: Path, forge_app_id: str | None
) -> None:
    own = "ari:cloud:ecosystem::app/6f1d6a2e-94d9-4c5c-8f4e-1f2f9d3a7b10"
    with listening() as (url, tokens):
        manifest = {
            "app": {"id": own},
            "remotes": [{"key": "remote", "baseUrl": url}],
            "modules": {
                "trigger": [{"key": "t", "endpoint": "e", "events": [EventType.TRIGGERED]}],
                "endpoint": [{"key": "e", "remote": "remote", "route": {"path": "/events"}}],
            },
        }
        FunctionMigration.begin(
            platform_process, app_folder, manifest=manifest, source=None, forgeAppId=forge_app_id
        )
        wait_until(lambda: tokens)
    claims = jwt.decode(tokens[0], options={"verify_signature": False})
    given = own if forge_app_id is None else f"ari:cloud:ecosystem::app/{forge_app_id}"
    assert claims["aud"] == claims["app"]["id"] == given
