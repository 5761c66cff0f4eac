"""One host process as the worker sees it: started, called, ended."""

import asyncio
import json
import os
import re
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Self

from ferryman.domain.outcome import (
    Outcome,
    Raised,
    Stage,
    failed,
    raised,
    requested_delay,
    succeeded,
)
from ferryman.functions.capture import OutputPipe
from ferryman.functions.program import Program
from ferryman.vocab import FailureCause

_PROGRAM = Path(__file__).with_name("host.py")
_ANSWER_BYTES = 1 << 18
# What a program needs to run at all; everything else of the worker stays with the worker.
_INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR")
_END_SECONDS = 5.0
_REASON_CHARACTERS = 100
_LEFT = "{}[Ferryman: the function returned and left {} running, which was ended then.]\n"
_PROCESS = "The process of the function"
# What V8 says last.
_OUT_OF_MEMORY = re.compile("JavaScript heap out of memory|Fatal process out of memory")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one host may use: bytes of address space (0: no limit), of printed text, seconds."""

    memory_bytes: int
    log_bytes: int
    start_seconds: float


class _ChannelError(Exception):
    """The host's answers cannot be understood any more: the app wrote between them."""


class HostProcess:
    """A host, and everything below it, for one handler of one app.

    ``reusable`` is whether it may take another call. ``end`` must be awaited in the end.
    """

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        channel: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        output: OutputPipe,
        limits: Limits,
        program: Mapping[str, object] | None,
    ) -> None:
        self._process = process
        self._reader, self._writer = channel
        self._output = output
        self._limits = limits
        self._program = program
        self._calls = 0
        self.reusable = True

    @classmethod
    async def start(cls, program: Program, limits: Limits) -> Self:
        """Start a host for ``program``; ``OSError`` or ``ConfigError`` if that cannot be."""
        task = program.command(limits.memory_bytes)
        ours, theirs = socket.socketpair()
        output = OutputPipe(limits.log_bytes)
        command = [sys.executable, "-P", str(_PROGRAM), str(theirs.fileno())]
        command += [str(limits.memory_bytes), *task]
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=output.write_end,
                stderr=output.write_end,
                cwd=program.source,
                env=_environment(),
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        except BaseException:
            output.close()
            ours.close()
            raise
        finally:
            theirs.close()
            output.close_write_end()
        channel = await asyncio.open_unix_connection(sock=ours, limit=_ANSWER_BYTES)
        return cls(process, channel, output, limits, program.first())

    @property
    def said(self) -> str:
        """What it printed since its last call was over; not to be asked after ``end``."""
        return self._output.text()

    @property
    def alive(self) -> bool:
        """Whether, as far as is known, it can answer."""
        return self._process.returncode is None and not self._reader.at_eof()

    async def call(
        self,
        event: Mapping[str, object],
        context: Mapping[str, object],
        environment: Mapping[str, str],
        seconds: float,
        identity: Mapping[str, str],
    ) -> Outcome:
        """Hand over one event and wait for the function, ``seconds`` from when it is called.

        Never raises for what the app does. After anything but a clean return the host is not
        ``reusable``; the caller ends it.
        """
        loop = asyncio.get_running_loop()
        self._calls += 1
        self.reusable = False
        self._output.begin()
        request: dict[str, object] = {"call": self._calls, "event": event, "context": context}
        request |= {"environment": environment, "seconds": seconds, "identity": identity}
        if self._program is not None:
            request["program"], self._program = self._program, None
        line = json.dumps(request).encode() + b"\n"
        stage: Stage = "before"
        left: object = ""
        cause, what, after = FailureCause.DELIVERY_FAILED, None, None
        limit, began = self._limits.start_seconds, loop.time()
        try:
            async with asyncio.timeout(limit):
                self._writer.write(line)
                await self._writer.drain()
                answer = await self._answer()
            if answer["state"] == "called":
                stage, limit, began = "during", seconds, loop.time()
                async with asyncio.timeout(limit):
                    answer = await self._answer()
                stage = "after"
            error = answer["error"]
            if error is not None:
                cause, what = _failure(answer)
            left = answer["left"] if error is None else ""
            self.reusable = error is None and not left
            if error is None:
                left = ", ".join(filter(None, (str(left), str(answer.get("ended", "")))))
                after, error = _retry(answer)
                cause = FailureCause.RETRY_REQUESTED
        except TimeoutError:
            done = "loaded" if stage == "before" else "finished"
            cause = FailureCause.FUNCTION_TIMED_OUT
            error = f"The function had not {done} after {limit:g} s; its processes were ended."
        except (OSError, EOFError):
            cause, error = await self._how_it_ended()
        except (_ChannelError, KeyError, ValueError, TypeError):
            error = "The function wrote to the descriptor that Ferryman's answers go through."
        text, duration = self._output.take(), loop.time() - began
        if left:
            text += _LEFT.format("" if text.endswith("\n") or not text else "\n", left)
        if error is None:
            return succeeded(duration=duration, output=text, left=str(left))
        return failed(
            stage, cause, str(error), duration=duration, output=text, what=what, retry_after=after
        )

    async def end(self) -> None:
        """End the host and every process below it; returns when they are gone."""
        self.reusable = False
        self._writer.close()
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(_END_SECONDS):
                await self._process.wait()
        except TimeoutError:
            # The warden is stopped or starved; the host dies with it.
            self._process.kill()
            await self._process.wait()
        self._output.close()

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
                code = await self._process.wait()
        except TimeoutError:
            text = "The function closed the descriptor that Ferryman's answers go through."
            return FailureCause.DELIVERY_FAILED, text
        if code == -signal.SIGKILL:
            # Nobody else ends a host in the middle of a call but the system, short of memory.
            return FailureCause.FUNCTION_OUT_OF_MEMORY, f"{_PROCESS} was ended by SIGKILL."
        said = _OUT_OF_MEMORY.search(self._output.text())
        if said and code in (-signal.SIGABRT, -signal.SIGTRAP):
            megabytes = self._limits.memory_bytes >> 20
            text = f"The function used all its memory ({megabytes} MiB): {said[0]}."
            return FailureCause.FUNCTION_OUT_OF_MEMORY, text
        if code < 0:
            return FailureCause.FUNCTION_EXITED, f"{_PROCESS} was ended by {_signal_name(-code)}."
        return FailureCause.FUNCTION_EXITED, f"{_PROCESS} ended itself with exit code {code}."


def _failure(answer: dict[str, object]) -> tuple[FailureCause, Raised]:
    """What the host says the function raised; ``ValueError`` or ``TypeError`` if it is no host."""
    name, message, frame = answer["class"], answer["message"], answer["frame"]
    if not isinstance(name, str) or not isinstance(message, str):
        raise TypeError
    return FailureCause(str(answer["cause"])), raised(name, message, str(frame) if frame else None)


def _retry(answer: dict[str, object]) -> tuple[timedelta | None, str | None]:
    """In how long the function asked to be called again, and the words for it."""
    asked = answer.get("retry")
    if not isinstance(asked, dict):
        return None, None
    after = requested_delay(asked.get("after"))
    reason = asked.get("reason")
    why = f" ({reason[:_REASON_CHARACTERS]})" if isinstance(reason, str) else ""
    return after, f"The function asked to be called again in {after.total_seconds():g} s{why}."


def _environment() -> dict[str, str]:
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    # Without bytecode files a handler edited twice within a second is never run stale.
    return inherited | {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
