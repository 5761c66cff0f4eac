"""Many small files to the local store, against an earlier build and against writing and syncing.

Ours are also registered, hashed and announced. ``plain calls`` are the same files sent by a client
that only makes the calls; its PUTs alone are the ceiling for any client. ``a loop`` creates one
file after the other; at ten files a second each waits for its receipt. COUNT=1000
makes them fewer, ROUNDS=1 shorter; ``bench.small_s3`` has the same against S3.
"""

import os
import shutil
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median

from bench._bootstrap import interval
from bench._build import CURRENT, Build, build
from bench._cpu import spent_of
from bench._platform import Platform, begin_transfer, serving
from bench.report import Figure
from bench.s3 import carried, timed

SMALL = 20_000
BEFORE = "8223a08"
"""The build before files were begun and completed in batches."""

LARGE = 100_000
LOOP = 1_000
PACED = 100
LATER_MS = 200.0
"""How much later than by the build before a file may be registered, at ten a second."""

ROUNDS = int(os.environ.get("ROUNDS", "3"))

Rounds = defaultdict[str, list[float]]


def run() -> list[Figure]:
    """COUNT files of 20 kB in interleaved rounds; then the cost of each of 1,000 and 100,000."""
    count = int(os.environ.get("COUNT", "10000"))
    before = build(BEFORE)
    spent: Rounds = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-", dir=os.environ.get("DIR")) as name:
        folder = Path(name)
        folder.chmod(0o755)  # the embedded database runs as a user of its own under root
        (folder / "old").mkdir(mode=0o755)
        with (
            serving(folder / "data") as platform,
            serving(folder / "old" / "data", build=before) as old,
        ):
            for _ in range(ROUNDS):
                spent["before"].append(many(old, count, build=before))
                spent["ours"].append(many(platform, count))
                spent["loop before"].append(loop(old, "loop", LOOP, build=before))
                spent["loop"].append(loop(platform, "loop", LOOP))
                spent["paced before"].append(loop(old, "paced", PACED, build=before))
                spent["paced"].append(loop(platform, "paced", PACED))
                spent["files"].append(plain(platform, "files", count))
                spent["puts"].append(plain(platform, "puts", count))
                peer = folder / "peer"
                spent["fsync"].append(timed("_files", str(peer), str(count), str(SMALL)))
                shutil.rmtree(peer)
            growth = growth_of(platform)
    told = f"{count:,} files of 20 kB, local"
    return [
        compared(told, spent, "ours", "before", f"build {BEFORE}", target=4),
        compared(told, spent, "ours", "fsync", "write + fsync"),
        compared(f"{told}, plain calls", spent, "files", "puts", "their PUTs alone"),
        compared(
            f"{LOOP:,} files in a loop", spent, "loop", "loop before", f"build {BEFORE}", target=3
        ),
        Figure(
            figure="registered after its last byte, 10 files/s, p99",
            unit="ms",
            ours=median(spent["paced"]),
            peer=median(spent["paced before"]) + LATER_MS,
            peer_name=f"build {BEFORE} and {LATER_MS:.0f} ms",
            target=1,
        ),
        growth,
    ]


def many(platform: Platform, count: int, build: Build = CURRENT) -> float:
    """Seconds of a build's SDK."""
    token, transfer_id = begin_transfer(platform)
    told = ("many", platform.url, transfer_id, str(count), str(SMALL))
    return carried("_carry", token, *told, build=build)


def plain(platform: Platform, what: str, count: int) -> float:
    """Seconds of the plain calls, or of their PUTs alone."""
    token, transfer_id = begin_transfer(platform)
    return carried("_batches", token, what, platform.url, transfer_id, str(count), str(SMALL))


def loop(platform: Platform, verb: str, count: int, build: Build = CURRENT) -> float:
    """Return what ``_loop`` of this build prints for the SDK of any build."""
    token, transfer_id = begin_transfer(platform)
    script = str(Path(__file__).with_name("_loop.py"))
    arguments = (verb, platform.url, transfer_id, str(count), str(SMALL))
    return spent_of([build.python, "-P", script, *arguments], token, build).seconds


def growth_of(platform: Platform) -> Figure:
    """Measure the cost of a file among few and among many; LARGE_COUNT lowers the many."""
    large = int(os.environ.get("LARGE_COUNT", str(LARGE)))
    few = median(many(platform, 1_000) for _ in range(ROUNDS))
    return Figure(
        figure=f"cost of a file, {large:,} of them",
        unit="ms",
        ours=many(platform, large) / large * 1000,
        peer=few,
        peer_name="ours with 1,000",
        target=0.9,
    )


def compared(
    told: str,
    spent: Rounds,
    ours: str,
    peer: str,
    peer_name: str,
    *,
    target: float | None = None,
) -> Figure:
    """Return the medians of two sides."""
    return Figure(
        figure=told,
        unit="s",
        ours=median(spent[ours]),
        peer=median(spent[peer]),
        peer_name=peer_name,
        interval=interval(spent[ours], spent[peer]),
        target=target,
    )
