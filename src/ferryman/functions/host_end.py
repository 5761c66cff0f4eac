"""Say how a host ended that gave no answer."""

import asyncio
import re
import signal

from ferryman.functions.capture import OutputPipe
from ferryman.functions.launch import Launched
from ferryman.vocab import FailureCause

END_SECONDS = 5.0
_PROCESS = "The process of the function"
# The last words of V8.
_OUT_OF_MEMORY = re.compile("JavaScript heap out of memory|Fatal process out of memory")


async def how_it_ended(
    host: Launched, output: OutputPipe, memory_bytes: int
) -> tuple[FailureCause, str]:
    """Wait until a host that closed its channel ends; return why it did."""
    try:
        async with asyncio.timeout(END_SECONDS):
            code = await host.exit_code()
    except TimeoutError:
        text = "The function closed the descriptor that Ferryman's answers go through."
        return FailureCause.DELIVERY_FAILED, text
    if code == -signal.SIGKILL:
        # Only the kernel kills a host during a call, when memory is short.
        return FailureCause.FUNCTION_OUT_OF_MEMORY, f"{_PROCESS} was ended by SIGKILL."
    match = _OUT_OF_MEMORY.search(output.text())
    if match and code in (-signal.SIGABRT, -signal.SIGTRAP):
        megabytes = memory_bytes >> 20
        text = f"The function used all its memory ({megabytes} MiB): {match[0]}."
        return FailureCause.FUNCTION_OUT_OF_MEMORY, text
    if code < 0:
        return FailureCause.FUNCTION_EXITED, f"{_PROCESS} was ended by {_signal_name(-code)}."
    return FailureCause.FUNCTION_EXITED, f"{_PROCESS} ended itself with exit code {code}."


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
