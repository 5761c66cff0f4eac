"""A real S3 server on this machine: Ceph RGW over one monitor and one OSD, in memory, on loopback.

    python -m tools.ceph        start one, print the variables to export, end it with Ctrl-C

Tests, benchmarks and the demo use it to meet a store that checks every signature and digest, as
S3 does. It takes about 10 s to start, holds 8 GiB at most and forgets all of it at the end.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from uuid import uuid4

PROGRAMS = ("radosgw", "radosgw-admin", "ceph", "ceph-mon", "ceph-osd", "monmaptool")
ACCESS_KEY = "ferryman"
SECRET_KEY = "ferryman-secret"  # noqa: S105 - of a server that lives for one test run
REGION = "us-east-1"

# Ends it with the process that started it, however that one ends.
_WITH_US = ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv") else ()
_START_SECONDS = 90.0
_COMMAND_SECONDS = 60.0

_CONF = """\
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{v2},v1:127.0.0.1:{v1}]
public network = 127.0.0.0/8
ms bind ipv6 = false
keyring = {dir}/keyring
mon data = {dir}/mon
osd data = {dir}/osd
run dir = {dir}
admin socket = {dir}/$name.$pid.asok
log file = {dir}/$name.log
pid file =
{objects}
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 500
mon data avail warn = 1
mon data avail crit = 1
[client.rgw]
# Without TCP_NODELAY, an answer's second piece waits for the client's delayed acknowledgement.
rgw frontends = beast endpoint=127.0.0.1:{port} tcp_nodelay=1
rgw dns name = s3.localhost
# What is deleted is gone in seconds, not in hours: benchmarks need the room.
rgw gc obj min wait = 1
rgw gc processor period = 5
rgw gc processor max time = 5
"""

IN_MEMORY = "osd objectstore = memstore\nmemstore device bytes = 8589934592"
ON_DISK = """\
osd objectstore = bluestore
bluestore block create = true
bluestore block size = 12884901888
bluestore cache autotune = false
bluestore cache size = 134217728"""
"""In a file, which the SIGKILL of each process leaves whole."""

Keep = Callable[..., object]
"""Starts one of Ceph's servers, given the program and its arguments, and keeps it running."""


@dataclass(frozen=True, slots=True)
class Ceph:
    """A running server and how to reach it."""

    endpoint: str
    conf: Path | None = None

    def free(self) -> None:
        """Give back the memory of what was deleted, before this returns."""
        command = ["radosgw-admin", "-c", str(self.conf), "-n", "client.rgw"]
        subprocess.run(
            [*command, "gc", "process", "--include-all"], check=True, capture_output=True
        )

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which the usual AWS chain finds the keys."""
        return {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }


def missing() -> str | None:
    """Why there can be no Ceph here; None when there can."""
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    if absent:
        return f"no Ceph here ({', '.join(absent)} missing): apt-get install radosgw ceph-mon \
ceph-osd ceph-common"
    return None


@contextmanager
def ceph() -> Iterator[Ceph]:
    """Run one; every process of it is ended on the way out."""
    with ExitStack() as stack:
        # Sockets lie in it, and the path of a socket may have 107 characters.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ceph-", dir="/tmp")))
        log = stack.enter_context((folder / "start.log").open("ab"))
        try:
            yield Ceph(_start(folder, log, stack), folder / "ceph.conf")
        except (subprocess.SubprocessError, TimeoutError) as error:
            tail = (folder / "start.log").read_text(errors="replace")[-2000:]
            raise RuntimeError(f"Ceph did not start: {error}\n{tail}") from error


def _start(folder: Path, log: IO[bytes], stack: ExitStack) -> str:
    def keep(program: str, *arguments: str) -> None:
        process = subprocess.Popen(
            [*_WITH_US, program, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        stack.callback(_end, process)

    return create(folder, log, keep)


def create(folder: Path, log: IO[bytes], keep: Keep, objects: str = IN_MEMORY) -> str:
    """Make one in an empty folder and start its servers; return its endpoint."""
    port, v1, v2 = _free_ports(3)
    fsid = str(uuid4())
    for name in ("mon", "osd"):
        (folder / name).mkdir()
    conf, keyring, monmap = folder / "ceph.conf", folder / "keyring", folder / "monmap"
    conf.write_text(_CONF.format(dir=folder, fsid=fsid, port=port, v1=v1, v2=v2, objects=objects))

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [program, *arguments],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            timeout=_COMMAND_SECONDS,
        )

    for create, name, caps in (
        ("--create-keyring", "mon.", ("mon", "allow *")),
        ("", "client.admin", ("mon", "allow *", "osd", "allow *")),
        ("", "client.rgw", ("mon", "allow rwx", "osd", "allow rwx")),
        ("", "osd.0", ("mon", "allow profile osd", "osd", "allow *")),
    ):
        pairs = [part for i in range(0, len(caps), 2) for part in ("--cap", caps[i], caps[i + 1])]
        flags = [create] if create else []
        run("ceph-authtool", *flags, str(keyring), "--gen-key", "-n", name, *pairs)
    address = f"[v2:127.0.0.1:{v2},v1:127.0.0.1:{v1}]"
    run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", address, str(monmap))
    made = ("--monmap", str(monmap), "--keyring", str(keyring))
    run("ceph-mon", "-c", str(conf), "--mkfs", "-i", "a", *made)
    servers = {program: words for program, *words in commands(folder)}
    keep("ceph-mon", *servers["ceph-mon"])
    run("ceph", "-c", str(conf), "osd", "create")
    run("ceph", "-c", str(conf), "auth", "import", "-i", str(keyring))
    run("ceph-osd", "-c", str(conf), "-i", "0", "--mkfs", "--osd-data", str(folder / "osd"))
    place = ("1.0", "root=default", "host=localhost")
    run("ceph", "-c", str(conf), "osd", "crush", "add", "osd.0", *place)
    keep("ceph-osd", *servers["ceph-osd"])
    keep("radosgw", *servers["radosgw"])
    endpoint = f"http://127.0.0.1:{port}"
    _await(endpoint)
    keys = (f"--access-key={ACCESS_KEY}", f"--secret-key={SECRET_KEY}")
    user = ("user", "create", "--uid=ferryman", "--display-name=Ferryman", *keys)
    run("radosgw-admin", "-c", str(conf), "-n", "client.rgw", *user)
    return endpoint


def commands(folder: Path) -> list[list[str]]:
    """Return what runs each of the servers whose files lie in that folder."""
    conf = ("-f", "-c", str(folder / "ceph.conf"))
    return [
        ["ceph-mon", *conf, "-i", "a"],
        ["ceph-osd", *conf, "-i", "0", "--osd-data", str(folder / "osd")],
        ["radosgw", *conf, "-n", "client.rgw"],
    ]


def _await(endpoint: str) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(endpoint, timeout=2):  # noqa: S310 - loopback only
                return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(f"no answer from {endpoint} in {_START_SECONDS:.0f} s")


def _end(process: subprocess.Popen[bytes]) -> None:
    # Nothing of it is kept, so nothing is lost by not asking.
    process.kill()
    process.wait()


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def main() -> None:
    """Run until interrupted."""
    if reason := missing():
        raise SystemExit(reason)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with ceph() as server:
        values = {"AWS_ENDPOINT_URL_S3": server.endpoint, **server.environment}
        print("export", *(f"{name}={value}" for name, value in values.items()), flush=True)
        print(f"Ceph runs until Ctrl-C, as process {os.getpid()}", file=sys.stderr)
        stop.wait()


if __name__ == "__main__":
    main()
