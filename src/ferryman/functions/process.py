"""Start a host process, call the function in it, and end it."""

import asyncio
import json
import re
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

from ferryman import refusals
from ferryman.domain.outcome import Outcome, Stage, failed, succeeded
from ferryman.functions.answer import read_failure, read_retry
from ferryman.functions.capture import OutputPipe
from ferryman.functions.launch import Launched, launch
from ferryman.functions.processor_share import EQUAL_SECONDS, EQUAL_START_SECONDS, ProcessorShare
from ferryman.functions.program import Program
from ferryman.functions.sandbox.access import NOWHERE, Access
from ferryman.functions.sandbox.launch import launch_sandboxed
from ferryman.functions.sandbox.sandbox import Sandbox
from ferryman.vocab import FailureCause

_ANSWER_BYTES = 1 << 18
_END_SECONDS = 5.0
_LEFT = "{}[Ferryman: the function returned and left {} running, which was ended then.]\n"
# Reserved in the kept output for the sentence above.
_OWN_BYTES = 512
_PROCESS = "The process of the function"
# The last words of V8.
_OUT_OF_MEMORY = re.compile("JavaScript heap out of memory|Fatal process out of memory")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of a host: bytes of address space (0: none) and of output, seconds to start.

    Without a ``sandbox`` it can do whatever the worker's user can.
    """

    memory_bytes: int
    log_bytes: int
    start_seconds: float
    sandbox: Sandbox | None = None


class _ChannelError(Exception):
    """The host's answers are garbled, because the app wrote to its channel."""


class HostProcess:
    """A host and all processes below it, for one handler of one app.

    ``reusable`` is whether it can take another call. Await ``end`` when you are done.
    """

    def __init__(
        self,
        host: Launched,
        channel: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        output: OutputPipe,
        limits: Limits,
        program: Program,
    ) -> None:
        self._host = host
        self._process = host.process
        self._reader, self._writer = channel
        self._output = output
        self._limits = limits
        self._program, self._first = program, program.first()
        self._calls = 0
        self._share = ProcessorShare(host.set_slow)
        self.reusable = True

    @classmethod
    async def start(cls, program: Program, limits: Limits, access: Access = NOWHERE) -> Self:
        """Start a host for ``program``; raise ``OSError`` or ``ConfigError`` if that fails.

        In a sandbox it has ``access`` alone.
        """
        output = OutputPipe(limits.log_bytes - _OWN_BYTES)
        try:
            host = await _launch(program, limits, access, output.write_end)
        except OSError as error:
            text = output.text().strip()
            output.close()
            if limits.sandbox is None:
                raise
            raise refusals.function.SANDBOX_FAILED(found=f"{error}: {text}") from error
        except BaseException:
            output.close()
            raise
        finally:
            output.close_write_end()
        channel = await asyncio.open_unix_connection(sock=host.channel, limit=_ANSWER_BYTES)
        return cls(host, channel, output, limits, program)

    @property
    def new_output(self) -> str:
        """Return the output since its last call; not available after ``end``."""
        return self._output.text()

    @property
    def alive(self) -> bool:
        """Return whether it can still answer, as far as known."""
        return self._process.returncode is None and not self._reader.at_eof()

    async def call(
        self,
        event: Mapping[str, object],
        context: Mapping[str, object],
        environment: Mapping[str, str],
        seconds: float,
        identity: Mapping[str, str],
        printed: Callable[[str], None] | None = None,
        begun: Callable[[], None] = lambda: None,
    ) -> Outcome:
        """Send one event and wait for the function, ``seconds`` from when it is called.

        Never raises for what the app does. After anything but a clean return the host is not
        ``reusable``; the caller ends it. ``printed`` is called with each line of output, as the
        function prints it, and ``begun`` when the function is called.
        """
        loop = asyncio.get_running_loop()
        self._begin(printed)
        request: dict[str, object] = {"call": self._calls, "event": event, "context": context}
        request |= {"environment": environment, "seconds": seconds, "identity": identity}
        if self._first is not None:
            request["program"], self._first = self._first, None
        line = self._program.encode(request)
        stage: Stage = "before"
        left: object = ""
        cause, what = FailureCause.DELIVERY_FAILED, None
        after = retry_context = None
        limit, began = self._limits.start_seconds, loop.time()
        try:
            async with asyncio.timeout(limit):
                self._writer.write(line)
                await self._writer.drain()
                answer = await self._answer()
            if answer["state"] == "called":
                stage, limit, began = "during", seconds, loop.time()
                self._share.compete(EQUAL_SECONDS)
                begun()
                async with asyncio.timeout(limit):
                    answer = await self._answer()
                stage = "after"
            error = answer["error"]
            if error is not None:
                cause, what = read_failure(answer)
            left = answer["left"] if error is None else ""
            self.reusable = error is None and not left
            if error is None:
                left = ", ".join(filter(None, (str(left), str(answer.get("ended", "")))))
                after, retry_context, error = read_retry(answer)
                cause = FailureCause.RETRY_REQUESTED
        except TimeoutError:
            done = "loaded" if stage == "before" else "finished"
            cause = FailureCause.FUNCTION_TIMED_OUT
            error = f"The function had not {done} after {limit:g} s; its processes were ended."
        except (OSError, EOFError):
            cause, error = await self._how_it_ended()
        except (_ChannelError, KeyError, ValueError, TypeError):
            error = "The function wrote to the descriptor that Ferryman's answers go through."
        self._share.release()
        text, duration = self._output.take(), loop.time() - began
        if left:
            text += _LEFT.format("" if text.endswith("\n") or not text else "\n", left)
        if error is None:
            return succeeded(duration=duration, output=text, left=str(left))
        return failed(
            stage,
            cause,
            str(error),
            duration=duration,
            output=text,
            what=what,
            hung=cause is FailureCause.FUNCTION_TIMED_OUT,
            retry_after=after,
            retry_context=retry_context,
        )

    async def end(self) -> None:
        """End the host and every process below it; return once they have ended."""
        self.reusable = False
        self._writer.close()
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(_END_SECONDS):
                await self._process.wait()
        except TimeoutError:
            # The supervisor is stopped or starved; the host dies with it.
            self._process.kill()
            await self._process.wait()
        self._output.close()
        await self._host.close()

    def _begin(self, printed: Callable[[str], None] | None) -> None:
        self._calls += 1
        self.reusable = False
        self._output.begin(printed)
        self._share.compete(EQUAL_START_SECONDS)

    async def _answer(self) -> dict[str, object]:
        try:
            answer = json.loads(await self._reader.readuntil(b"\n"))
        except (ValueError, asyncio.LimitOverrunError, RecursionError) as error:
            raise _ChannelError from error
        if not isinstance(answer, dict) or answer.get("call") != self._calls:
            raise _ChannelError
        return answer

    async def _how_it_ended(self) -> tuple[FailureCause, str]:
        try:
            async with asyncio.timeout(_END_SECONDS):
                code = await self._host.exit_code()
        except TimeoutError:
            text = "The function closed the descriptor that Ferryman's answers go through."
            return FailureCause.DELIVERY_FAILED, text
        if code == -signal.SIGKILL:
            # Only the kernel kills a host during a call, when memory is short.
            return FailureCause.FUNCTION_OUT_OF_MEMORY, f"{_PROCESS} was ended by SIGKILL."
        match = _OUT_OF_MEMORY.search(self._output.text())
        if match and code in (-signal.SIGABRT, -signal.SIGTRAP):
            megabytes = self._limits.memory_bytes >> 20
            text = f"The function used all its memory ({megabytes} MiB): {match[0]}."
            return FailureCause.FUNCTION_OUT_OF_MEMORY, text
        if code < 0:
            return FailureCause.FUNCTION_EXITED, f"{_PROCESS} was ended by {_signal_name(-code)}."
        return FailureCause.FUNCTION_EXITED, f"{_PROCESS} ended itself with exit code {code}."


async def _launch(program: Program, limits: Limits, access: Access, output: int) -> Launched:
    memory = limits.memory_bytes
    if limits.sandbox is None:
        return await launch(program.command(memory), program.source, memory, output)
    async with asyncio.timeout(limits.start_seconds):
        return await launch_sandboxed(limits.sandbox, program, access, memory, output)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
