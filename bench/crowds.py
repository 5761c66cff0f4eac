"""What many clients that ask for little cost those who work.

A thousand agents wait for work: the processor time of platform and database for steady calls, with
them and without, in interleaved rounds. Two thousand connections say nothing: the time of a call
over a new connection. Two hundred readers of a signed URL stop reading: the memory of the platform.
"""

import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from bench._bootstrap import interval
from bench._cpu import cpu_of
from bench._platform import Platform, begin_transfer, cloud_token, serving
from bench.report import Figure, MissingError
from ferryman import Gateway, Migration

AGENTS = int(os.environ.get("AGENTS", "1000"))
SILENT = 2_000
READERS = 200
ROUNDS = int(os.environ.get("ROUNDS", "10"))

_SECONDS = float(os.environ.get("CROWD_SECONDS", "15"))
"""How long a round calls."""

_PACE = 100.0
"""Calls a second."""

_FRESH = 500
_FILE = 24 << 20
_MIB = 1 << 20


def run() -> list[Figure]:
    """All three; agents first, since the others leave the platform larger."""
    _allow_descriptors(2 * SILENT)
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the embedded database runs as a user of its own under root
        with serving(folder / "data") as platform:
            token, transfer_id = begin_transfer(platform)
            # Claimed, so that nothing is left for the agents.
            _post(
                platform, "/server/v1/listeners/claim", token, {"serverAppKeys": ["bench.server"]}
            )
            return [
                _waiting_agents(platform, token),
                _silent(platform),
                _stalled(platform, token, transfer_id),
            ]


def _waiting_agents(platform: Platform, token: str) -> Figure:
    alone, beside = [], []
    for _ in range(ROUNDS):
        alone.append(_spent(platform))
        with _agents(platform, token):
            beside.append(_spent(platform))
        print(f"times none waiting: {beside[-1] / alone[-1]:.2f}", file=sys.stderr, flush=True)
    return Figure(
        figure=f"processor time of {_PACE:.0f} calls/s, {AGENTS:,} agents waiting",
        unit="s",
        ours=median(beside),
        peer=median(alone),
        peer_name="none waits",
        interval=interval(beside, alone),
    )


def _spent(platform: Platform) -> float:
    """Processor seconds of platform and database while calls come at the pace."""
    postmaster = platform.data_dir / "postgres" / "postmaster.pid"
    pids = [platform.pid, int(postmaster.read_text().split()[0])]
    before = sum(cpu_of(pid) for pid in pids)
    begun = time.monotonic()
    for number in range(int(_SECONDS * _PACE)):
        time.sleep(max(0.0, begun + number / _PACE - time.monotonic()))
        platform.call("GET", "/admin/v1/migrations?pageSize=1")
    return sum(cpu_of(pid) for pid in pids) - before


@contextmanager
def _agents(platform: Platform, token: str) -> Iterator[None]:
    command = [sys.executable, "-m", "bench._agents", platform.url, str(AGENTS)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(token)
        process.stdin.close()
        try:
            if process.stdout.readline() != "waiting\n":
                raise SystemExit("the agents did not come to wait")
            yield
        finally:
            process.kill()


def _silent(platform: Platform) -> Figure:
    alone = _slowest(platform)
    with ExitStack() as stack:
        for _ in range(SILENT):
            stack.enter_context(_connect(platform))
        beside = _slowest(platform)
    return Figure(
        figure=f"p99 of a call over a new connection, {SILENT:,} silent ones",
        unit="ms",
        ours=beside,
        peer=alone,
        peer_name="no other",
    )


def _slowest(platform: Platform) -> float:
    """The p99 in milliseconds of calls that connect first."""
    waits = []
    for _ in range(_FRESH):
        begun = time.perf_counter()
        with urllib.request.urlopen(f"{platform.url}/healthz", timeout=60) as answer:  # noqa: S310
            answer.read()
        waits.append(1000 * (time.perf_counter() - begun))
    return sorted(waits)[len(waits) * 99 // 100]


def _stalled(platform: Platform, token: str, transfer_id: str) -> Figure:
    with (
        Gateway(platform.url, token, transfer_id) as gateway,
        gateway.create_app_data("large") as file,
    ):
        file.write(b"x" * _FILE)
    with Migration(platform.url, cloud_token(platform)) as migration:
        [stored] = migration.iter_app_data(transfer_id)
        url = urlsplit(migration.get_app_data_url(stored.key))
    request = f"GET {url.path}?{url.query} HTTP/1.1\r\nHost: ferryman.example\r\n\r\n".encode()
    before = _resident(platform)
    with ExitStack() as stack:
        for _ in range(READERS):
            reader = stack.enter_context(_connect(platform))
            reader.sendall(request)
            reader.recv(1)
        time.sleep(5)  # until all that fits in buffers has been sent
        held = _resident(platform) - before
    return Figure(
        figure=f"memory of {READERS} readers that stopped reading",
        unit="MiB",
        ours=held,
        peer=100.0,
        peer_name="the goal",
    )


def _resident(platform: Platform) -> float:
    """MiB of the process that answers calls."""
    pages = int(Path(f"/proc/{platform.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / _MIB


def _connect(platform: Platform) -> socket.socket:
    return socket.create_connection(("127.0.0.1", urlsplit(platform.url).port or 0), timeout=60)


def _post(platform: Platform, path: str, token: str, body: object) -> None:
    request = urllib.request.Request(  # noqa: S310 - loopback only
        platform.url + path,
        method="POST",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        answer.read()


def _allow_descriptors(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise MissingError(f"this machine allows {hard} open files, {count} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))
