"""Start hosts of a build one after the other; prints CPU and wall seconds of each.

Run as a file, by the Python of any build: ``_cold.py FOLDER HANDLER STARTS MODE``.
"""

import asyncio
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

# Every build has both there; only the earlier one defines both there.
from ferryman.functions.pool import FunctionCall, FunctionPool  # type: ignore[attr-defined]


async def main(folder: str, handler: str, starts: int, mode: str) -> None:
    """Make one call in each of so many hosts, and print a JSON list of [CPU, wall] seconds."""
    options = {"sandbox": await sandbox()} if mode == "sandboxed" else {}
    found = []
    for _ in range(starts + 1):
        async with FunctionPool(concurrency=1, **options) as pool:
            cpu, began = _spent(), time.perf_counter()
            call = FunctionCall(
                source=Path(folder), handler=handler, event={}, context={}, environment={}
            )
            outcome = await pool.invoke(call)
            wall = time.perf_counter() - began
            assert outcome.ok, outcome.error
            await pool.close()
            found.append((_spent() - cpu, wall))
    print(json.dumps(found[1:]))  # the first one compiles


async def sandbox() -> Any:
    """Return the sandbox of this machine; an older build has none."""
    from ferryman.functions.hosting import Hostings
    from ferryman.functions.sandbox.sandbox import Sandbox
    from ferryman.vocab import FunctionMode

    wanted = Sandbox(user_id=1_900_000_000)
    hosting = await Hostings(FunctionMode.SANDBOXED, wanted).find()
    assert hosting.sandbox is not None, hosting.found
    return hosting.sandbox


def _spent() -> float:
    """CPU seconds of processes that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]))
