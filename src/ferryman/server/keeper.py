"""Ending with the process that keeps this one: its end of our standard input is gone then."""

import asyncio
import os
import threading

SUPERVISED = "FERRYMAN_SUPERVISED"
"""Set in a process whose standard input ends when the process that keeps it dies."""


def end_with_keeper(stop: asyncio.Event, seconds: float) -> None:
    """Set ``stop`` when the keeper dies, if there is one; so much later end in any case."""
    if os.environ.get(SUPERVISED):
        arguments = (asyncio.get_running_loop(), stop, seconds)
        threading.Thread(target=_watch, args=arguments, daemon=True).start()


def _watch(loop: asyncio.AbstractEventLoop, stop: asyncio.Event, seconds: float) -> None:
    # Not sys.stdin: its lock, held by this thread, would abort the interpreter's own end.
    while os.read(0, 4096):
        pass
    loop.call_soon_threadsafe(stop.set)
    threading.Event().wait(seconds)
    os._exit(1)
