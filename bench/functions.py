"""An event until the first line that a warm handler prints, in JavaScript and in Python.

Ours is the whole call through the pool, inside the sandbox, from the event to the recorded outcome,
which holds the line. Against an earlier build, which has no sandbox, against a bare ``node`` and
``python`` that is started for the call, and against one that waits for events on a pipe and does
nothing else, which is the floor. Medians of interleaved rounds. On a busy machine the processor
time of a call, by all processes of it, tells more than the time that it takes. ROUNDS=2 makes it
shorter.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

from bench._bootstrap import interval
from bench._build import CURRENT, ROOT, Build, build
from bench.report import Figure
from ferryman.functions import toolchain

BEFORE = "8223a08"
ROUNDS = int(os.environ.get("ROUNDS", "10"))
CALLS = 1000
STARTS = 20
TARGETS = {"JavaScript": 1.5, "Python": 3.0}

FILES = {
    "src/script.js": """\
import { line } from './line';
export const run = async (event, context) => console.log(line(event, context));
""",
    "src/line.js": "export const line = (event, context) => event.messageId + context.site;\n",
    "script.mjs": """\
import { createInterface } from 'node:readline';
const line = (event, context) => event.messageId + context.site;
const run = async (event, context) => console.log(line(event, context));
for await (const text of createInterface({ input: process.stdin })) await run(...JSON.parse(text));
""",
    "snake.py": "def run(event, context):\n    print(event['messageId'] + context['site'])\n",
    "bare.py": """\
import json, sys
from snake import run
for text in sys.stdin:
    run(*json.loads(text))
    sys.stdout.flush()
""",
}


def run() -> list[Figure]:
    """Milliseconds for each language and each peer."""
    before = build(BEFORE)
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-", dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)  # functions of a sandbox have a user of their own
        for file, text in FILES.items():
            (folder / file).parent.mkdir(exist_ok=True, mode=0o755)
            (folder / file).write_text(text)
        for place in (folder / "src", folder):
            os.utime(place, (0, 0))  # an app that was not installed a moment ago
        node = [str(toolchain.node()), str(folder / "script.mjs")]
        python = [sys.executable, str(folder / "bare.py")]
        return [
            *_figures("JavaScript", before, folder, "script.run", "node", node),
            *_figures("Python", before, folder, "snake.run", "python", python),
        ]


def _figures(
    language: str, before: Build, folder: Path, handler: str, program: str, command: list[str]
) -> Iterator[Figure]:
    taken: dict[str, list[float]] = defaultdict(list)
    for _ in range(ROUNDS):
        for side, made, mode in (("before", before, "trusted"), ("ours", CURRENT, "sandboxed")):
            seconds, cpu = _warm(made, folder, handler, mode)
            taken[side].append(seconds * 1000)
            taken[f"{side}, CPU"].append(cpu * 1000)
        with _waiting(command) as process:
            taken["waiting"].append(1000 * median(_call(process) for _ in range(CALLS)))
    taken["started"] = [1000 * _start_and_call(command) for _ in range(STARTS)]
    ours, its = taken["ours"], f"build {BEFORE}, no sandbox"
    common: dict[str, Any] = {"unit": "ms", "ours": median(ours)}
    yield Figure(
        figure=f"warm {language} handler vs the build before",
        peer=median(taken["before"]),
        peer_name=its,
        interval=interval(ours, taken["before"]),
        target=TARGETS[language],
        **common,
    )
    yield Figure(
        figure=f"processor time of a warm {language} call",
        unit="ms",
        ours=median(taken["ours, CPU"]),
        peer=median(taken["before, CPU"]),
        peer_name=its,
        interval=interval(taken["ours, CPU"], taken["before, CPU"]),
    )
    yield Figure(
        figure=f"warm {language} handler",
        peer=median(taken["started"]),
        peer_name=f"{program}, started for the call",
        **common,
    )
    yield Figure(
        figure=f"warm {language} handler vs waiting process",
        peer=median(taken["waiting"]),
        peer_name=f"{program}, waiting on a pipe",
        **common,
    )


def _warm(made: Build, folder: Path, handler: str, mode: str) -> tuple[float, float]:
    """Seconds of a call by a build, and its CPU seconds."""
    command = [made.python, "-P", str(ROOT / "bench" / "_warm.py")]
    done = subprocess.run(
        [*command, str(folder), handler, str(CALLS), mode], stdout=subprocess.PIPE, check=True
    )
    seconds, cpu = json.loads(done.stdout)
    return seconds, cpu


def _event() -> tuple[Mapping[str, str], Mapping[str, str]]:
    return {"messageId": str(uuid4()), "transferId": str(uuid4())}, {"site": "harbour"}


def _start_and_call(command: list[str]) -> float:
    began = time.perf_counter()
    with _waiting(command) as process:
        _call(process)
        return time.perf_counter() - began


def _call(process: subprocess.Popen[bytes]) -> float:
    assert process.stdin is not None
    assert process.stdout is not None
    event, context = _event()
    began = time.perf_counter()
    process.stdin.write(json.dumps([event, context]).encode() + b"\n")
    process.stdin.flush()
    line = process.stdout.readline()
    seconds = time.perf_counter() - began
    assert line == f"{event['messageId']}{context['site']}\n".encode()
    return seconds


@contextmanager
def _waiting(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
