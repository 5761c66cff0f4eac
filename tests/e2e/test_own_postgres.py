"""The platform on a PostgreSQL of the operator's own, found on this machine."""

import json
import os
import pwd
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_FOUND = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


def _as_postgres() -> str | None:
    """PostgreSQL refuses to run as root; Debian's package brings a user for it."""
    return "postgres" if os.geteuid() == 0 else None


def _pg(command: str, *arguments: str) -> None:
    subprocess.run(
        [str(_FOUND[0].parent / command), *arguments],
        check=True,
        capture_output=True,
        user=_as_postgres(),
        cwd="/",
        env={**os.environ, "LC_ALL": "C"},
        # pg_ctl leaves the server behind with our pipes open otherwise.
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture
def database_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The oldest server that is installed, on a port of its own."""
    if not _FOUND:
        pytest.skip("no PostgreSQL under /usr/lib/postgresql (apt-get install postgresql)")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    folder = Path(f"/tmp/ferryman-postgres-{port}")
    folder.mkdir(mode=0o700)
    if user := _as_postgres():
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    data = folder / "data"
    text = ("-E", "UTF8", "--locale", "C")
    _pg("initdb", "-D", str(data), "-A", "trust", "-U", "postgres", "-N", *text)
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    _pg("pg_ctl", "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        _pg("pg_ctl", "-D", str(data), "-w", "-m", "immediate", "stop")
        subprocess.run(["rm", "-rf", str(folder)], check=True)


@pytest.mark.e2e
def test_the_demo_runs_on_it(database_url: str, tmp_path: Path) -> None:
    """The whole main job, with no embedded server anywhere."""
    done = subprocess.run(
        [sys.executable, "-m", "ferryman", "demo", "--json", "--dir", str(tmp_path / "work")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "FERRYMAN_DATABASE_URL": database_url},
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["status"] == "SUCCESS"
    assert result["equal"]
    assert not (tmp_path / "work" / "platform" / "postgres").exists()
