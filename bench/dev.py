"""``ferryman dev`` started again and from nothing, and the whole life of a transfer.

Ready means that the app of the folder is registered. Against an earlier build, in interleaved
rounds of which the medians count, and against the bundled PostgreSQL alone; the life of 14 days
against the two seconds that it may take at most. ROUNDS=2 makes it shorter.
"""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench._build import CURRENT, Build, build
from bench.report import Figure
from bench.start import BEFORE, ROUNDS, start_postgres, started
from ferryman.testing.platform import running

LIFES = 3
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
    before = build(BEFORE)
    ours, its, peer = [], [], []
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        apps = {side: folder / side for side in ("before", "ours")}
        for app in apps.values():
            app.mkdir()
            (app / "manifest.json").write_text(MANIFEST)
            (app / "index.py").write_text(HANDLER)
        for number in range(ROUNDS):
            its.append(_both(apps["before"], before))
            ours.append(_both(apps["ours"], CURRENT))
            peer.append(start_postgres(folder / f"postgres{number}"))
        life = min(lives(apps["ours"]))
    warm, empty = "warm dev to ready", "dev --reset to empty and ready"
    return [
        started(warm, 1, ours, its, f"build {BEFORE}", 1 / 0.6),
        started(warm, 1, ours, peer, "pg_ctl start"),
        started(empty, 0, ours, its, f"build {BEFORE}"),
        started(empty, 0, ours, peer, "initdb + pg_ctl start"),
        Figure(
            figure="14 days of a transfer",
            unit="s",
            ours=life,
            peer=LONGEST,
            peer_name="the longest that it may take",
            target=1.0,
        ),
    ]


def _both(app: Path, made: Build) -> tuple[float, float]:
    """Seconds to ready: from nothing, then again."""
    with developing(app, made, "--reset") as (empty, _):
        pass
    with developing(app, made) as (warm, _):
        pass
    return empty, warm


@contextmanager
def developing(app: Path, made: Build, *options: str) -> Iterator[tuple[float, int]]:
    """Run it; the seconds until the app was registered, and the id of its process."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FERRYMAN_")}
    command = made.command("ferryman", "dev", str(app), "--port", "0", *options)
    began = time.perf_counter()
    with subprocess.Popen(
        command,
        cwd=made.folder,
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
            yield time.perf_counter() - began, process.pid
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate()


def lives(app: Path) -> Iterator[float]:
    """Seconds for 14 days: a file that always fails, retries, and the end of the transfer."""
    with running() as platform:
        known = platform.register(app)
        for _ in range(LIFES):
            migration = platform.run_migration(known, files={"flawed.txt": "a"})
            began = time.perf_counter()
            platform.advance(LIFE)
            yield time.perf_counter() - began
            assert migration.status.final
