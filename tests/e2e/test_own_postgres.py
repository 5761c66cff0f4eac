"""The platform on a PostgreSQL and an S3 of the operator's own, found on this machine."""

import json
import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from uuid import uuid4

import boto3
import pytest

from tests.kit import forked
from tests.kit.platform import free_port
from tools.ceph import Ceph, missing

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
    port = free_port()
    folder = Path(mkdtemp(prefix="ferryman-postgres-", dir="/tmp"))
    if user := _as_postgres():
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    data = folder / "data"
    text = ("-E", "UTF8", "--locale", "C")
    _pg("initdb", "-D", str(data), "-A", "trust", "-U", "postgres", "-N", *text)
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    # A minute is too short on a machine that is busy.
    wait = ("-w", "-t", "240")
    _pg("pg_ctl", "-D", str(data), *wait, "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        _pg("pg_ctl", "-D", str(data), *wait, "-m", "immediate", "stop")
        subprocess.run(["rm", "-rf", str(folder)], check=True)


@pytest.fixture
def ceph_if_any(request: pytest.FixtureRequest) -> Ceph | None:
    """A machine without Ceph still tests the database."""
    server: Ceph | None = None if missing() else request.getfixturevalue("ceph")
    return server


def _bucket(ceph: Ceph) -> Any:
    keys = ceph.environment
    resource = boto3.resource(
        "s3",
        endpoint_url=ceph.endpoint,
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        region_name=keys["AWS_REGION"],
    )
    bucket = resource.Bucket(f"ferryman-{uuid4().hex[:8]}")
    bucket.create()
    return bucket


@pytest.mark.e2e
def test_the_demo_runs_on_both(database_url: str, ceph_if_any: Ceph | None, tmp_path: Path) -> None:
    """The whole main job, with no embedded server anywhere and no folder of objects."""
    command = [sys.executable, "-m", "ferryman", "demo", "--json", "--dir", str(tmp_path / "work")]
    env = {**os.environ, "FERRYMAN_DATABASE_URL": database_url}
    bucket = None
    if ceph_if_any is not None:
        bucket = _bucket(ceph_if_any)
        command += ["--object-store", f"s3://{bucket.name}/demo?endpoint={ceph_if_any.endpoint}"]
        env |= ceph_if_any.environment
    done = forked.run(command, text=True, env=env)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["status"] == "SUCCESS"
    assert result["equal"]
    platform = tmp_path / "work" / "platform"
    assert not (platform / "postgres").exists()
    if bucket is not None:
        assert len(list(bucket.objects.filter(Prefix="demo/"))) == 4
        assert not (platform / "objects").exists()
