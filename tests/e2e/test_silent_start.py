"""Something that accepts connections and says nothing, when the platform starts."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.kit import forked
from tests.kit.platform import wait_until

pytestmark = pytest.mark.e2e

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "hidden", "AWS_REGION": "eu-west-1"}


@pytest.fixture
def silent() -> Iterator[str]:
    """Host and port of it; the kernel accepts for it."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def starting(
    command: str, folder: Path, env: dict[str, str]
) -> "Iterator[tuple[subprocess.Popen[bytes], Path]]":
    log = folder / "log"
    own = {k: v for k, v in os.environ.items() if not k.startswith(("FERRYMAN_", "AWS_"))}
    with log.open("wb") as file:
        process = forked.Popen[bytes](
            [sys.executable, "-m", "ferryman", command, "--data-dir", str(folder / "data")],
            env={**own, "FERRYMAN_PORT": "0", **KEYS, **env},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process, log
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_signal_ends_the_wait_for_a_silent_database(
    silent: str, tmp_path: Path, command: str, number: signal.Signals
) -> None:
    """What is waited for is said before that."""
    env = {"FERRYMAN_DATABASE_URL": f"postgresql://me:hidden@{silent}/db"}
    with starting(command, tmp_path, env) as (process, log):
        wait_until(lambda: "database.waits" in log.read_text())
        process.send_signal(number)
        assert process.wait(180) == 0, log.read_text()
        said = log.read_text()
    assert silent in said
    assert "hidden" not in said
    assert "Traceback" not in said


def test_a_signal_ends_the_wait_for_a_silent_store(silent: str, tmp_path: Path) -> None:
    """And the embedded database, which had started, is stopped."""
    env = {"FERRYMAN_OBJECT_STORE": f"s3://bucket/?endpoint=http://{silent}"}
    with starting("serve", tmp_path, env) as (process, log):
        wait_until(lambda: "store.waits" in log.read_text())
        process.send_signal(signal.SIGTERM)
        assert process.wait(180) == 0, log.read_text()
        said = log.read_text()
    assert silent in said
    assert "hidden" not in said
    assert "Traceback" not in said
    assert not (tmp_path / "data" / "postgres" / "postmaster.pid").exists()


def test_a_silent_store_is_soon_given_up(silent: str, tmp_path: Path) -> None:
    env = {"FERRYMAN_OBJECT_STORE": f"s3://bucket/?endpoint=http://{silent}"}
    with starting("serve", tmp_path, env) as (process, log):
        assert process.wait(180) == 2, log.read_text()
        said = log.read_text()
    assert "store_unavailable" in said
    assert "Traceback" not in said
