"""``ferryman dev`` started again and from nothing, and the whole life of a transfer.

Ready means that the app of the folder is registered. Against the bundled PostgreSQL alone,
and for the life of 14 days against the two seconds that it may take at most.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.report import Figure
from bench.start import start_postgres
from ferryman.testing.platform import running

ROUNDS = 3
LIFE = "14d"
LONGEST = 2.0

MANIFEST = """\
{"app": {"id": "ari:cloud:ecosystem::app/6f1d6a2e-94d9-4c5c-8f4e-1f2f9d3a7b10"},
 "modules": {"function": [{"key": "fn", "handler": "index.run"}],
  "trigger": [{"key": "t", "function": "fn", "events":
   ["avi:ecosystem.migration:uploaded:app_data"]}]}}
"""
HANDLER = """\
def run(event, context):
    if event["label"] == "flawed":
        raise ValueError("no room left")
"""


def run() -> list[Figure]:
    """Warm start, start from nothing, 14 days."""
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        app = folder / "app"
        app.mkdir()
        (app / "manifest.json").write_text(MANIFEST)
        (app / "index.py").write_text(HANDLER)
        peer = [start_postgres(folder / f"postgres{number}") for number in range(ROUNDS)]
        with developing(app):
            pass
        warm, empty = [], []
        for _ in range(ROUNDS):
            with developing(app) as seconds:
                warm.append(seconds)
            with developing(app, "--reset") as seconds:
                empty.append(seconds)
        life = min(lives(app))
    return [
        Figure(
            figure="warm dev to ready",
            unit="s",
            ours=min(warm),
            peer=min(again for _, again in peer),
            peer_name="pg_ctl start",
        ),
        Figure(
            figure="dev --reset to empty and ready",
            unit="s",
            ours=min(empty),
            peer=min(first for first, _ in peer),
            peer_name="initdb + pg_ctl start",
        ),
        Figure(
            figure="14 days of a transfer",
            unit="s",
            ours=life,
            peer=LONGEST,
            peer_name="the longest that it may take",
        ),
    ]


@contextmanager
def developing(app: Path, *options: str) -> Iterator[float]:
    """Run it; the seconds until the app was registered."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FERRYMAN_")}
    command = [sys.executable, "-m", "ferryman", "dev", str(app), "--port", "0", *options]
    began = time.perf_counter()
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if line.startswith("registered "):
                break
        else:
            raise SystemExit(f"ferryman dev did not start:\n{''.join(said)}")
        try:
            yield time.perf_counter() - began
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate()


def lives(app: Path) -> Iterator[float]:
    """Seconds for 14 days: a file that always fails, retries, and the end of the transfer."""
    with running() as platform:
        known = platform.register(app)
        for _ in range(ROUNDS):
            migration = platform.run_migration(known, files={"flawed.txt": "a"})
            began = time.perf_counter()
            platform.advance(LIFE)
            yield time.perf_counter() - began
            assert migration.status.final
