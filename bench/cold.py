"""A cold start of a host, with its first call and its end: CPU and time, against an earlier build.

That build has no sandbox; ours starts once with one and once without. A host of Node.js is also
compared with a bare ``node`` that does nothing, which is the floor. The rounds are interleaved.
ROUNDS=3 makes it shorter.
"""

import json
import os
import resource
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench._bootstrap import interval
from bench._build import CURRENT, ROOT, Build, build
from bench.report import Figure
from ferryman.functions import toolchain

BEFORE = "8223a08"
ROUNDS = int(os.environ.get("ROUNDS", "10"))
STARTS = 3
FILES = {
    "plain.py": "def run(event, context):\n    pass\n",
    "client.py": "from ferryman import Migration\n\ndef run(event, context):\n    pass\n",
    "script.js": "export const run = async () => {};\n",
}
TOLD = {
    "plain.run": "Python",
    "client.run": "Python with the SDK",
    "script.run": "JavaScript",
}

Side = tuple[str, str]
Rounds = dict[Side, list[tuple[float, float]]]


def run() -> list[Figure]:
    """Milliseconds for each kind of function."""
    before = build(BEFORE)
    spent: Rounds = defaultdict(list)
    bare = []
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-", dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)  # functions of a sandbox have a user of their own
        for file, text in FILES.items():
            (folder / file).write_text(text)
        for _ in range(ROUNDS):
            for handler in TOLD:
                spent[handler, "before"].append(_started(before, folder, handler, "trusted"))
                spent[handler, "trusted"].append(_started(CURRENT, folder, handler, "trusted"))
                spent[handler, "sandboxed"].append(_started(CURRENT, folder, handler, "sandboxed"))
            bare.append(_bare_node())
    peer = f"build {BEFORE}, no sandbox"
    floor = (
        _figure("processor time of a host, JavaScript", cpu, bare, "node, which does nothing")
        for cpu in [[cpu for cpu, _ in spent["script.run", "trusted"]]]
    )
    return [*_figures(spent, peer), *floor]


def _figures(spent: Rounds, peer: str) -> Iterator[Figure]:
    for handler, told in TOLD.items():
        for mode in ("trusted", "sandboxed"):
            ours, its = spent[handler, mode], spent[handler, "before"]
            for at, what in enumerate(("processor time of a host", "start and first call")):
                yield _figure(
                    f"{what}, {told}, {mode}",
                    [each[at] for each in ours],
                    [each[at] for each in its],
                    peer,
                )


def _figure(told: str, ours: list[float], peer: list[float], peer_name: str) -> Figure:
    return Figure(
        figure=told,
        unit="ms",
        ours=median(ours) * 1000,
        peer=median(peer) * 1000,
        peer_name=peer_name,
        interval=interval(ours, peer),
    )


def _started(build: Build, folder: Path, handler: str, mode: str) -> tuple[float, float]:
    """The medians of some starts: CPU seconds, and seconds until the call returned."""
    command = [build.python, "-P", str(ROOT / "bench" / "_cold.py")]
    done = subprocess.run(
        [*command, str(folder), handler, str(STARTS), mode],
        env={k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"},
        stdout=subprocess.PIPE,
        check=True,
    )
    starts = json.loads(done.stdout)
    return median(cpu for cpu, _ in starts), median(wall for _, wall in starts)


def _bare_node() -> float:
    """CPU seconds of a Node.js that runs nothing."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([str(toolchain.node()), "--eval", "0"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
