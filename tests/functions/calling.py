"""How the tests call functions of apps, and watch what becomes of their processes."""

import asyncio
import os
import select
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from ferryman.domain.outcome import Outcome
from ferryman.functions.pool import FunctionPool

Invoke = Callable[..., Coroutine[Any, Any, Outcome]]

WORKER = """
import asyncio, sys
from pathlib import Path
from ferryman.functions.call import FunctionCall
from ferryman.functions.pool import FunctionPool

async def main():
    async with FunctionPool(concurrency=1) as pool:
        await pool.invoke(FunctionCall(
            source=Path(sys.argv[1]), handler="index." + sys.argv[2],
            event={"fifo": sys.argv[3]}, context={}, environment={}))

asyncio.run(main())
"""


class Watched:
    """A process known by its id, held by a descriptor so that the id cannot be reused."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._descriptor = os.pidfd_open(pid)

    def ended(self, within: float = 20.0) -> bool:
        """Wait until it is gone; False if it still lives after ``within`` seconds."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        try:
            return bool(poll.poll(within * 1000))
        finally:
            os.close(self._descriptor)


async def told_by(fifo: Path) -> Watched:
    """The process that writes its id to ``fifo``."""
    return Watched(int(await asyncio.to_thread(fifo.read_text)))


def once(invoke: Invoke, function: str, **arguments: object) -> Outcome:
    """The outcome of the first call of a pool, whose second call must succeed."""

    async def both() -> Outcome:
        async with FunctionPool(concurrency=2, memory_bytes=1 << 29) as pool:
            outcome = await invoke(pool, function, **arguments)
            after = await invoke(pool, "fine")
            assert after.ok, after.error
            assert after.output.endswith(" 1 cloud\n")
        return outcome

    return asyncio.run(both())
