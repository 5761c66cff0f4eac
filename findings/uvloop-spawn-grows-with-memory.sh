#!/usr/bin/env bash
# uvloop 0.23.0 (PyPI, its libuv included), Linux: starting a process stops the event loop for a
# time that grows with the memory of the parent; asyncio's own loop does not.
#
# asyncio starts processes with subprocess, which uses vfork since Python 3.10: the child borrows
# the memory of its parent until it runs its program. libuv's uv_spawn uses fork, which copies the
# page tables of the parent, and reads from a pipe until the child runs its program; uvloop calls it
# on the thread of the event loop with the GIL held. So a server that starts processes now and then
# is slower with uvloop just there, and more so the more it holds in memory or the busier the cores.
#
# Seen with Python 3.11.7, medians of 60 starts of /bin/true, loop stopped while it starts:
#     asyncio  parent small:  0.2 ms  parent + 1 GB:  0.2 ms
#     uvloop   parent small:  1.7 ms  parent + 1 GB: 57.6 ms
#
# Fails if asyncio's start grows to more than twice, or uvloop's to less than thrice.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check uvloop==0.23.0 2>/dev/null
cat >"$folder/try.py" <<'PYTHON'
import asyncio
import ctypes
import sys
import time
from statistics import median

import uvloop

PR_SET_THP_DISABLE = 41  # pages of one size, so that 1 GB has as many everywhere
STARTS = 60


async def starts():
    stopped = []
    for _ in range(STARTS):
        begun = time.perf_counter()
        process = await asyncio.create_subprocess_exec("/bin/true")
        stopped.append(time.perf_counter() - begun)
        await process.wait()
    return 1000 * median(stopped)


def measure():
    loops = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    result = {}
    for name, factory in loops.items():
        with asyncio.Runner(loop_factory=factory) as runner:
            result[name] = runner.run(starts())
    return result


ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)
small = measure()
ballast = [bytes(967) for _ in range(1_000_000)]
large = measure()
for name in small:
    print(f"{name:8} parent small: {small[name]:4.1f} ms  parent + 1 GB: {large[name]:4.1f} ms")
growth = {name: large[name] / small[name] for name in small}
sys.exit(0 if growth["asyncio"] < 2 and growth["uvloop"] > 3 else 1)
PYTHON
"$folder/venv/bin/python" "$folder/try.py"
