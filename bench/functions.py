"""An event until the first line that a warm handler prints, in JavaScript and in Python.

Ours is the whole call through the pool, from the event to the recorded outcome, which holds the
line. Against a bare ``node`` and ``python`` that is started for the call, and against one that
waits for events on a pipe and does nothing else, which is the floor. Medians.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

from bench.report import Figure
from ferryman.functions import toolchain
from ferryman.functions.call import FunctionCall
from ferryman.functions.pool import FunctionPool

CALLS = 1000
STARTS = 20

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
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-") as name:
        folder = Path(name)
        for file, text in FILES.items():
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).write_text(text)
        node = [str(toolchain.node()), str(folder / "script.mjs")]
        python = [sys.executable, str(folder / "bare.py")]
        return [
            *_figures("JavaScript", folder, "script.run", "node", node),
            *_figures("Python", folder, "snake.run", "python", python),
        ]


def _figures(
    language: str, folder: Path, handler: str, program: str, command: list[str]
) -> Iterator[Figure]:
    ours = asyncio.run(_warm(folder, handler))
    started = median(_start_and_call(command) for _ in range(STARTS))
    with _waiting(command) as process:
        waited = median(_call(process) for _ in range(CALLS))
    common: dict[str, Any] = {"unit": "ms", "ours": ours * 1000}
    yield Figure(
        figure=f"warm {language} handler",
        peer=started * 1000,
        peer_name=f"{program}, started for the call",
        **common,
    )
    yield Figure(
        figure=f"warm {language} handler vs waiting process",
        peer=waited * 1000,
        peer_name=f"{program}, waiting on a pipe",
        **common,
    )


async def _warm(folder: Path, handler: str) -> float:
    seconds = []
    async with FunctionPool(concurrency=1) as pool:
        for _ in range(CALLS + 1):
            event, context = _event()
            call = FunctionCall(
                source=folder, handler=handler, event=event, context=context, environment={}
            )
            began = time.perf_counter()
            outcome = await pool.invoke(call)
            seconds.append(time.perf_counter() - began)
            assert outcome.output == f"{event['messageId']}{context['site']}\n", outcome.error
    return median(seconds[1:])


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
