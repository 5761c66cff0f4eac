"""Start what may take long: log what we wait for, and stop waiting on a signal."""

import asyncio
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import structlog

log = structlog.get_logger("ferryman.serve")

T = TypeVar("T")

_QUIET_SECONDS = 3.0


@contextmanager
def announce_wait(event: str, **facts: str) -> Iterator[None]:
    """Log ``event`` if the block takes longer than a few seconds."""
    timer = asyncio.get_running_loop().call_later(
        _QUIET_SECONDS, lambda: log.warning(event, **facts)
    )
    try:
        yield
    finally:
        timer.cancel()


def stop_on_signals(stop: asyncio.Event) -> None:
    """Set ``stop`` at SIGTERM or SIGINT, and when the terminal is closed that we run in."""
    ending = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as `nohup` has it
        ending.append(signal.SIGHUP)
    for number in ending:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


async def unless_stopped(stop: asyncio.Event, starting: Coroutine[Any, Any, T]) -> T | None:
    """Return the result of ``starting``, or cancel it and return None if ``stop`` is set first."""
    work = asyncio.create_task(starting)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return await work
        return None
    finally:
        stopping.cancel()
        work.cancel()
        await asyncio.wait({work})
        if not work.cancelled():
            work.exception()  # marks it as retrieved: it was raised above, or nobody is interested
