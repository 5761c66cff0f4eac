"""Start the processes of a host, in a sandbox or without one."""

import asyncio
from dataclasses import dataclass

from ferryman.functions.launch import Launched, launch
from ferryman.functions.program import Program
from ferryman.functions.sandbox.access import Access
from ferryman.functions.sandbox.launch import launch_sandboxed
from ferryman.functions.sandbox.sandbox import Sandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of a host: bytes of address space (0: none) and of output, seconds to start.

    Without a ``sandbox`` it can do whatever the worker's user can. With a ``debug_port``, it waits
    there for a debugger, and there is no limit of time.
    """

    memory_bytes: int
    log_bytes: int
    start_seconds: float
    sandbox: Sandbox | None = None
    debug_port: int | None = None


async def start_host(
    program: Program, limits: Limits, access: Access, output: int, *, slow: bool
) -> Launched:
    """Start a host that prints to ``output``; a ``slow`` one yields from its beginning.

    Raises ``OSError`` or ``ConfigError`` if that fails.
    """
    memory = limits.memory_bytes
    if limits.sandbox is None:
        debugged = limits.debug_port is not None
        return launch(program.command(memory, debugged=debugged), program.source, memory, output)
    async with asyncio.timeout(limits.start_seconds):
        return await launch_sandboxed(limits.sandbox, program, access, memory, output, slow=slow)
