"""Call one function many times in a warm host of a build; prints seconds and CPU seconds of a call.

Run as a file, by the Python of any build: ``_warm.py FOLDER HANDLER CALLS MODE``. The event loop
is the one that workers have.
"""

import asyncio
import importlib
import json
import resource
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

import uvloop

# Every build has both there; only the earlier one defines both there.
from ferryman.functions.pool import FunctionCall, FunctionPool  # type: ignore[attr-defined]

sys.path.append(str(Path(__file__).parent))  # the file may be run by the Python of another build


async def main(folder: str, handler: str, calls: int, mode: str) -> None:
    """Print a JSON list: median seconds of a call, and mean CPU seconds of all its processes."""
    options: dict[str, Any] = {}
    if mode == "sandboxed":
        options = {"sandbox": await importlib.import_module("_cold").sandbox()}
    began = _spent()
    await _called(folder, handler, 1, options)
    started = _spent() - began
    began = _spent()
    seconds = await _called(folder, handler, calls + 1, options)
    print(json.dumps([median(seconds[1:]), (_spent() - began - started) / calls]))


async def _called(folder: str, handler: str, calls: int, options: dict[str, Any]) -> list[float]:
    """Seconds of each call, from the event to the recorded outcome, which holds what it printed."""
    seconds = []
    async with FunctionPool(concurrency=1, **options) as pool:
        for _ in range(calls):
            event = {"messageId": str(uuid4()), "transferId": str(uuid4())}
            call = FunctionCall(
                source=Path(folder),
                handler=handler,
                event=event,
                context={"site": "harbour"},
                environment={},
            )
            began = time.perf_counter()
            outcome = await pool.invoke(call)
            seconds.append(time.perf_counter() - began)
            assert outcome.output == f"{event['messageId']}harbour\n", outcome.error
    return seconds


def _spent() -> float:
    """CPU seconds of this process and of those below it that ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]))
