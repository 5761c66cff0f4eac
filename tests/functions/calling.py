"""How the tests call functions of apps, and watch what becomes of their processes."""

import asyncio
import os
import select
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from ferryman.domain.outcome import Outcome
from ferryman.functions.pool import FunctionPool
from tests.kit.platform import wait_until

SECONDS = 120
LIMITS = (1.0, 4.0, 16.0, 64.0)
"""Of calls that run into them, in seconds: a busy machine needs longer to start anything."""

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

    def ended(self, within: float = SECONDS) -> bool:
        """Wait until it is gone; False if it still lives after ``within`` seconds."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        try:
            return bool(poll.poll(within * 1000))
        finally:
            os.close(self._descriptor)


def watched_below(pid: int) -> list[Watched]:
    """Return all processes below ``pid``, but for those that end while they are looked up."""
    watched = []
    for process in psutil.Process(pid).children(recursive=True):
        with suppress(ProcessLookupError):  # a daemon's first parent, which ends at once
            watched.append(Watched(process.pid))
    return watched


async def told_by(fifo: Path) -> Watched:
    """The process that writes its id to ``fifo``; it must live until this returns.

    A thread that opens the pipe would wait for ever for a process that was killed before.
    """
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    pipe = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    loop.add_reader(pipe, told.set)
    try:
        async with asyncio.timeout(SECONDS):
            await told.wait()
        return Watched(int(os.read(pipe, 20)))
    finally:
        loop.remove_reader(pipe)
        os.close(pipe)


def tell(fifo: Path, text: str) -> None:
    """Write to ``fifo`` as soon as a process reads it."""

    def opened() -> int | None:
        with suppress(OSError):  # until a process has opened it
            return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        return None

    pipe = wait_until(opened, SECONDS)
    os.write(pipe, text.encode())
    os.close(pipe)


async def hanging(call: Callable[[float], Coroutine[Any, Any, Outcome]], fifo: Path) -> Outcome:
    """The outcome of a call that reaches its limit after it left a daemon, which ends with it.

    The limit is the shortest within which this machine starts the daemon.
    """
    for limit in LIMITS:
        running = asyncio.create_task(call(limit))
        telling = asyncio.create_task(told_by(fifo))
        await asyncio.wait({running, telling}, return_when=asyncio.FIRST_COMPLETED)
        if telling.done():
            with suppress(ProcessLookupError):  # it came to its limit just then
                daemon = await telling
                outcome = await running
                # Gone by the end of the call, not only with the pool.
                assert daemon.ended(within=0)
                return outcome
        telling.cancel()
        await asyncio.wait({running, telling})
    raise AssertionError("the daemon never started")


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
