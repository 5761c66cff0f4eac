"""Exit when the parent process dies, detected by EOF on stdin."""

import asyncio
import os
import threading
from contextlib import suppress

SUPERVISED = "FERRYMAN_SUPERVISED"
"""Set for a process whose stdin is a pipe from its supervisor."""


def exit_with_parent(stop: asyncio.Event, seconds: float) -> None:
    """Set ``stop`` when the supervisor dies; if still alive ``seconds`` later, exit at once."""
    if os.environ.get(SUPERVISED):
        arguments = (asyncio.get_running_loop(), stop, seconds)
        threading.Thread(target=_watch, args=arguments, daemon=True).start()


def _watch(loop: asyncio.AbstractEventLoop, stop: asyncio.Event, seconds: float) -> None:
    # Not sys.stdin: this thread would hold its lock, which aborts the interpreter at exit.
    # Reset, for a socket, if it ended before it had read what was written to it.
    with suppress(ConnectionResetError):
        while os.read(0, 4096):
            pass
    loop.call_soon_threadsafe(stop.set)
    threading.Event().wait(seconds)
    os._exit(1)
