"""A real ``ferryman serve`` for benchmarks, and one transfer to upload to."""

import json
import os
import select
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import quote

from bench._build import CURRENT, Build
from ferryman.store.socket_path import socket_folder

READY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Platform:
    """A running platform; ``ready_after`` is seconds from its start to its line ``ready``."""

    url: str
    data_dir: Path
    pid: int
    ready_after: float

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Make one admin call, as JSON."""
        token = (self.data_dir / "operator-token").read_text().strip()
        request = urllib.request.Request(  # noqa: S310 - loopback only
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.load(answer)


@contextmanager
def serving(
    data_dir: Path, *options: str, build: Build = CURRENT, **settings: object
) -> Iterator[Platform]:
    """Start the platform of a build on a free port, end it in order."""
    port = free_port()
    command = build.command("ferryman", "serve")
    command += ["--data-dir", str(data_dir), "--port", str(port), *options]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FERRYMAN_")}
    # Rounds send the same bytes again and again, which are to be sent each time.
    environment |= {"FERRYMAN_REUSE_FILES": "false"}
    environment |= {f"FERRYMAN_{name.upper()}": str(value) for name, value in settings.items()}
    log = data_dir.parent / "serve.log"
    started = time.perf_counter()
    with log.open("ab") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, env=environment, cwd=build.folder
        )
    try:
        await_ready(process, log)
        ready_after = time.perf_counter() - started
        yield Platform(f"http://127.0.0.1:{port}", data_dir, process.pid, ready_after)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        if process.stdout:
            process.stdout.close()


def await_ready(process: subprocess.Popen[bytes], log: Path) -> None:
    """Return at the line that says the platform can be used."""
    assert process.stdout is not None
    seen, until = b"", time.monotonic() + READY_SECONDS
    while b"Ferryman ready on" not in seen:
        readable, _, _ = select.select([process.stdout], [], [], until - time.monotonic())
        chunk = os.read(process.stdout.fileno(), 65536) if readable else b""
        if not chunk:
            raise SystemExit(f"ferryman serve did not start; its log:\n{log.read_text()[-4000:]}")
        seen += chunk


def begin_transfer(platform: Platform, **app_members: object) -> tuple[str, str]:
    """Register an app and start a migration of it: server token and transfer id.

    ``app_members`` are further ones of the registration.
    """
    app = platform.call(
        "POST",
        "/admin/v1/apps",
        {
            "kind": "forge",
            "serverAppKey": "bench.server",
            "cloudAppKey": "bench.cloud",
            "windowSeconds": 86_400,
            **app_members,
        },
    )
    migration = platform.call(
        "POST",
        "/admin/v1/migrations",
        {
            "name": "benchmark",
            "cloudUrl": "https://bench.example",
            "sourceId": "bench",
            "apps": ["bench.cloud"],
            "containers": [],
        },
    )
    platform.call("POST", f"/admin/v1/migrations/{migration['migrationId']}/start")
    return app["serverToken"], migration["transfers"][0]["transferId"]


def free_port() -> int:
    """Return a port that is free at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def cloud_token(platform: Platform) -> str:
    """Return a new token of the app's cloud side, by registering it again."""
    app = {"kind": "forge", "serverAppKey": "bench.server", "cloudAppKey": "bench.cloud"}
    answer = platform.call("POST", "/admin/v1/apps", app | {"windowSeconds": 86_400})
    return str(answer["cloudToken"])


def address_of(platform: Platform) -> str:
    """Return the address of the platform's embedded PostgreSQL."""
    socket_path = quote(str(socket_folder((platform.data_dir / "postgres").resolve())), safe="/")
    return f"postgresql://postgres@/postgres?host={socket_path}"


def await_answer(url: str, what: str) -> None:
    """Return as soon as a server of a benchmark answers there."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - loopback only
                return
        except URLError:
            time.sleep(0.1)
    raise SystemExit(f"{what} did not start")
