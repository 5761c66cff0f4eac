"""Start a host process, call the function in it, and end it."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

from ferryman import refusals
from ferryman.domain.outcome import Outcome, Stage, failed, succeeded
from ferryman.functions.answer import read_answer, read_failure, read_retry
from ferryman.functions.call_watch import CallWatch
from ferryman.functions.capture import OutputPipe
from ferryman.functions.channel import Channel, ChannelError
from ferryman.functions.host_end import END_SECONDS, how_it_ended
from ferryman.functions.host_start import Limits, start_host
from ferryman.functions.launch import Launched
from ferryman.functions.processor_share import EQUAL_SECONDS, EQUAL_START_SECONDS, ProcessorShare
from ferryman.functions.program import Program
from ferryman.functions.sandbox.access import NOWHERE, Access
from ferryman.vocab import FailureCause

_LEFT = "{}[Ferryman: the function returned and left {} running, which was ended then.]\n"
# Reserved in the kept output for the sentence above.
_OWN_BYTES = 512
_MOST_RAISED = 3
"""Exceptions in a row after which a host is replaced."""

# What is raised where answers are no answers.
_GARBLED = (ChannelError, KeyError, ValueError, TypeError)


@dataclass(slots=True)
class _Progress:
    """Progress of a call: when its stage began, and how many seconds that may take."""

    limit: float | None
    began: float
    stage: Stage = "before"


class HostProcess:
    """A host and all processes below it, for one handler of one app.

    ``reusable`` is whether it can take another call. Await ``end`` when you are done.
    """

    def __init__(
        self,
        host: Launched,
        output: OutputPipe,
        limits: Limits,
        program: Program,
    ) -> None:
        self._host = host
        self._process = host.process
        self._channel = Channel(host.channel)
        self._output = output
        self._limits = limits
        self._program = program
        self._calls = 0
        self._share = ProcessorShare(host.set_slow)
        self._watch = CallWatch(self._channel, output, self._share)
        self._raised = 0
        self.reusable = True

    @classmethod
    async def start(
        cls, program: Program, limits: Limits, access: Access = NOWHERE, *, slow: bool = False
    ) -> Self:
        """Start a host for ``program``; raise ``OSError`` or ``ConfigError`` if that fails.

        ``access`` limits what it reaches from a sandbox. A ``slow`` host yields the processor to
        others until its first call is over.
        """
        output = OutputPipe(limits.log_bytes - _OWN_BYTES)
        try:
            host = await start_host(program, limits, access, output.write_end, slow=slow)
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
        process = cls(host, output, limits, program)
        if slow:
            process.hold_back()
        return process

    @property
    def new_output(self) -> str:
        """Return the output since its last call; not available after ``end``."""
        return self._output.text()

    @property
    def alive(self) -> bool:
        """Return whether it can still answer, as far as known."""
        return self._process.returncode is None and not self._channel.ended

    def drain(self) -> None:
        """Take in what it printed while it was idle; call it from time to time."""
        self._output.drain()

    def hold_back(self) -> None:
        """Let it yield the processor to others until its next call is over."""
        self._share.hold_back()

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

        Never raises for what the app does. The host stays ``reusable`` only if the function
        returned or raised and left nothing running. After a few exceptions in a row it is replaced
        too, since they may come from its state in memory. The caller ends a host that is not
        reusable. ``printed`` is called with each line of output as it is printed, ``begun`` when
        the function is called.
        """
        loop = asyncio.get_running_loop()
        self._calls += 1
        self.reusable = False
        self._output.begin(printed)
        request: dict[str, object] = {"call": self._calls, "event": event, "context": context}
        request |= {"environment": environment, "seconds": seconds, "identity": identity}
        debugged = self._limits.debug_port is not None
        so_far = _Progress(None if debugged else seconds, loop.time())
        left: object = ""
        cause, what = FailureCause.DELIVERY_FAILED, None
        after = retry_context = None
        try:
            answer = await self._exchange(request, so_far, begun)
            error = answer["error"]
            if error is not None:
                cause, what = read_failure(answer)
            left = answer["left"] if error is None else ""
            self._raised = 0 if error is None else self._raised + 1
            self.reusable = not answer.get("left") and (
                error is None or (answer.get("clean") is True and self._raised < _MOST_RAISED)
            )
            if error is None:
                left = ", ".join(filter(None, (str(left), str(answer.get("ended", "")))))
                after, retry_context, error = read_retry(answer)
                cause = FailureCause.RETRY_REQUESTED
        except (TimeoutError, OSError, EOFError, *_GARBLED) as reason:
            so_far.stage = self._reached(so_far.stage)
            cause, error = await self._why(reason, so_far)
        finally:
            self._watch.end()
        text, duration = self._output.take(), loop.time() - so_far.began
        if left:
            text += _LEFT.format("" if text.endswith("\n") or not text else "\n", left)
        if error is None:
            return succeeded(duration=duration, output=text, left=str(left))
        return failed(
            so_far.stage,
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
        self._channel.close()
        self._process.close_stdin()
        try:
            async with asyncio.timeout(END_SECONDS):
                await self._process.wait()
        except TimeoutError:
            # The supervisor is stopped or starved; the host dies with it.
            self._process.kill()
            await self._process.wait()
        self._output.close()
        await self._host.close()

    async def _exchange(
        self, request: dict[str, object], so_far: "_Progress", begun: Callable[[], None]
    ) -> dict[str, object]:
        """Send a request, and return the last answer to it."""
        if self._calls > 1:
            # There is nothing to load any more, so the mark is enough.
            self._watch.begin(so_far.limit, EQUAL_SECONDS)
            self._channel.send(self._program.encode(request))
            begun()
            answer = await self._answer()
        else:
            seconds = so_far.limit
            so_far.limit = None if seconds is None else self._limits.start_seconds
            request |= {"told": True, "program": self._program.first()}
            request["debug"] = self._limits.debug_port
            self._watch.begin(so_far.limit, EQUAL_START_SECONDS)
            self._channel.send(self._program.encode(request))
            answer = await self._answer()
            if answer["state"] == "called":
                so_far.stage, so_far.limit = "during", seconds
                so_far.began = asyncio.get_running_loop().time()
                self._watch.begin(seconds, EQUAL_SECONDS)
                begun()
                answer = await self._answer()
        if answer["state"] == "done":
            so_far.stage = "after"
        return answer

    def _reached(self, stage: Stage) -> Stage:
        """Return the stage of a call that came to no answer: by the mark, if it was not told."""
        return "during" if stage == "before" and self._host.mark.call() == self._calls else stage

    async def _why(self, reason: Exception, so_far: "_Progress") -> tuple[FailureCause, str]:
        if isinstance(reason, TimeoutError):
            done = "loaded" if so_far.stage == "before" else "finished"
            limit = f"{so_far.limit:g} s; its processes were ended."
            return FailureCause.FUNCTION_TIMED_OUT, f"The function had not {done} after {limit}"
        if isinstance(reason, _GARBLED):
            text = "The function wrote to the descriptor that Ferryman's answers go through."
            return FailureCause.DELIVERY_FAILED, text
        return await how_it_ended(self._host, self._output, self._limits.memory_bytes)

    async def _answer(self) -> dict[str, object]:
        try:
            answer = read_answer(await self._channel.line())
        except (ValueError, RecursionError) as error:
            raise ChannelError from error
        if not isinstance(answer, dict) or answer.get("call") != self._calls:
            raise ChannelError
        return answer
