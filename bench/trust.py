"""Deliveries a second with roles, customers and the audit log, against the build without them.

Each build runs its own ``bench.deliveries``: its worker delivers a backlog for twenty apps to a
remote. Rounds are interleaved; the interval is that of the paired ratio. ROUNDS is how many.
"""

import os
import subprocess
import sys
from statistics import median

from bench._bootstrap import interval
from bench._build import CURRENT, Build, build
from bench.report import Figure

BEFORE = "8223a08"
"""The build before one platform could be shared."""

ROUNDS = int(os.environ.get("ROUNDS", "10"))

_OURS = """
import asyncio, tempfile
from pathlib import Path
from bench.deliveries import _ours
from ferryman.store.embedded import EmbeddedPostgres

with tempfile.TemporaryDirectory(prefix="ferryman-bench-") as name:
    folder = Path(name)
    folder.chmod(0o755)
    postgres = EmbeddedPostgres(folder)
    try:
        print(asyncio.run(_ours(folder, postgres.start())))
    finally:
        postgres.stop()
"""


def run() -> list[Figure]:
    """Both builds, in turns; a rate is turned into the time of a delivery for the interval."""
    before = build(BEFORE)
    ours: list[float] = []
    theirs: list[float] = []
    for number in range(ROUNDS):
        # Who goes first takes turns as well.
        for side in (before, CURRENT) if number % 2 else (CURRENT, before):
            (ours if side is CURRENT else theirs).append(rate(side))
        print(f"{ours[-1]:.0f} deliveries/s, before {theirs[-1]:.0f}", file=sys.stderr, flush=True)
    return [
        Figure(
            figure="deliveries/s with audit and roles",
            unit="messages/s",
            ours=median(ours),
            peer=median(theirs),
            peer_name=f"build {BEFORE}",
            less_is_better=False,
            interval=interval([1 / each for each in ours], [1 / each for each in theirs]),
        )
    ]


def rate(side: Build) -> float:
    """Messages a second of a build."""
    done = subprocess.run(
        [side.python, "-c", _OURS], cwd=side.folder, stdout=subprocess.PIPE, check=True
    )
    return float(done.stdout)
