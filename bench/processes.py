"""Requests of two API processes against one: what sharing the work costs, and what it brings.

Both are ``ferryman serve`` of this build, on one PostgreSQL server, and get the same load in turn.
Requests per CPU second are of the server with all its processes and of PostgreSQL, so others at
work on the machine hardly matter. The scaling is of a call that needs no database; the generator
runs on the same cores, and the name of that figure tells its share of the processor time used.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from bench import _targets, requests
from bench._bootstrap import interval
from bench._cpu import cpu_of
from bench.report import Figure
from ferryman.store.embedded import EmbeddedPostgres

ROUNDS = int(os.environ.get("ROUNDS", "5"))
REQUESTS = int(os.environ.get("FERRYMAN_BENCH_REQUESTS", "2000"))
CONNECTIONS = 64
"""Enough for the kernel to spread them evenly over two sockets."""

PLAIN = "/.well-known/jwks.json"
_BOTH_SECONDS = 60.0


def run() -> list[Figure]:
    """Both calls of the request benchmark, and one that needs no database."""
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        postgres = EmbeddedPostgres(folder)
        url = postgres.start()
        pid = _targets.postmaster(folder)
        try:
            with (
                _targets.our_target(folder, url, pid, name="one") as one,
                _targets.our_target(folder, url, pid, name="two", processes=2) as two,
            ):
                _await_both(two.pids[0])
                sides = {"one": one, "two": two}
                return [*_per_cpu(folder, sides), _scaling(folder, sides)]
        finally:
            postgres.stop()


def _await_both(pid: int) -> None:
    """Wait for the second process, which starts after the first one serves."""
    until = time.monotonic() + _BOTH_SECONDS
    task = Path(f"/proc/{pid}/task/{pid}/children")
    while time.monotonic() < until:
        children = [Path(f"/proc/{child}/cmdline") for child in task.read_text().split()]
        serving = [child for child in children if b"api_process" in child.read_bytes()]
        if len(serving) == 2:
            time.sleep(3)  # it listens as soon as it has a connection to the database
            return
        time.sleep(0.1)
    raise SystemExit("there is no second API process")


def _per_cpu(folder: Path, sides: dict[str, _targets.Target]) -> list[Figure]:
    found = []
    for call in requests.CALLS:
        rounds = [
            {
                name: _targets.load(folder, call, CONNECTIONS, side, REQUESTS).per_cpu
                for name, side in sides.items()
            }
            for _ in range(ROUNDS)
        ]
        one, two = ([each[name] for each in rounds] for name in ("one", "two"))
        found.append(_figure(f"{call}, requests per CPU second, two processes", one, two, 0.9))
    return found


def _scaling(folder: Path, sides: dict[str, _targets.Target]) -> Figure:
    file = folder / "plain"
    line = json.dumps({"method": "GET", "path": PLAIN, "token": "none"})
    file.write_text(f"{line}\n" * (5 * REQUESTS), encoding="utf-8")
    rates: dict[str, list[float]] = {name: [] for name in sides}
    shares = []
    for _ in range(ROUNDS):
        for name, side in sides.items():
            before, own = cpu_of(side.pids[0]), _children()
            command = [sys.executable, "-m", "bench._load", str(side.port), str(CONNECTIONS)]
            done = subprocess.run([*command, str(file)], check=True, stdout=subprocess.PIPE)
            rates[name].append(float(done.stdout))
            generator, server = _children() - own, cpu_of(side.pids[0]) - before
            shares.append(generator / (generator + server))
    share = f"the generator took {median(shares):.0%} of the processor time"
    what = f"requests/s without a database, two processes ({share})"
    return _figure(what, rates["one"], rates["two"], 1.6)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _figure(what: str, one: list[float], two: list[float], target: float) -> Figure:
    return Figure(
        figure=what,
        unit="requests/s",
        ours=median(two),
        peer=median(one),
        peer_name="one process",
        less_is_better=False,
        interval=interval(one, two),
        target=target,
    )
