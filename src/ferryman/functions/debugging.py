"""Debug the functions of a pool: one host at a time, on one port, without any time limit.

A host waits for a debugger before it loads the app, so that no breakpoint comes too late; once one
has been there, it runs on without. Node.js listens as its inspector does, Python by debugpy.
"""

import asyncio
from collections.abc import Coroutine
from importlib.util import find_spec

import structlog

from ferryman import refusals
from ferryman.domain.outcome import Outcome, failed
from ferryman.functions.program import Program, PythonProgram
from ferryman.vocab import FailureCause

log = structlog.get_logger("ferryman.functions")

_STOPPED = "Ferryman was stopped while the function was debugged."


class Debugging:
    """Lets one function after the other run, so that ``port`` is always that of the one host."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._turn = asyncio.Lock()
        self._running: asyncio.Task[Outcome] | None = None
        self._stopped = asyncio.Event()

    async def run(self, call: Coroutine[object, object, Outcome]) -> Outcome:
        """Wait for a turn, and return the outcome of the call; ``stop`` makes that a failure."""
        async with self._turn:
            if self._stopped.is_set():
                call.close()
                return failed("before", FailureCause.DELIVERY_FAILED, _STOPPED, duration=0.0)
            self._running = asyncio.create_task(call)
            try:
                return await self._running
            except asyncio.CancelledError:
                if not self._stopped.is_set():
                    self._running.cancel()
                    raise
                return failed("during", FailureCause.DELIVERY_FAILED, _STOPPED, duration=0.0)
            finally:
                self._running = None

    def stop(self) -> None:
        """End the function that runs, which may be at a breakpoint, and let none run any more."""
        self._stopped.set()
        if self._running is not None:
            self._running.cancel()

    def check(self, program: Program) -> None:
        """Raise ``ConfigError`` if what debugs this program is not installed."""
        if isinstance(program, PythonProgram):
            check_debugpy()

    def announce(self, owner: str, function: str) -> None:
        """Log that a new host waits for a debugger."""
        log.info("function.waits_for_debugger", app=owner, function=function, port=self.port)


def check_debugpy() -> None:
    """Raise ``ConfigError`` without debugpy, which debugs Python."""
    if find_spec("debugpy") is None:
        raise refusals.function.DEBUGPY_MISSING()
