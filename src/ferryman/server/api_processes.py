"""Run the API in several processes: one address, with a socket and a process for each of them.

    ferryman serve ──▶ socket 1 ──▶ process 1
                  └──▶ socket 2 ──▶ process 2

The kernel spreads new connections over the sockets (ADR 80). All are open here, so what arrives for
a process that was killed waits for the one that takes its place.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from tempfile import TemporaryFile

import msgspec
import structlog

from ferryman.config import Settings
from ferryman.plain_settings import packed
from ferryman.refusals.row import start_refusal
from ferryman.server.forked import ForkedProcess, ForkServer
from ferryman.server.forked_program import Command
from ferryman.server.listening import sockets
from ferryman.server.own_program import own_program
from ferryman.server.parent_watchdog import SUPERVISED

log = structlog.get_logger("ferryman.serve")

Process = asyncio.subprocess.Process | ForkedProcess

_LONG_SECONDS = 10.0
_STOP_SECONDS = 40.0
"""An API process gets 30 seconds to finish running requests, and five to close."""

_MOST = 4


def default_processes(settings: Settings) -> int:
    """Return the default number of API processes: one for each core, at most four.

    There is only one on a virtual clock, where two runs of one plan have to be identical, and where
    the kernel does not spread connections.
    """
    if settings.clock == "virtual" or sys.platform != "linux":
        return 1
    return min(_MOST, len(os.sched_getaffinity(0)))


@dataclass(frozen=True, slots=True)
class ApiProcesses:
    """The API processes of one ``serve``, with the sockets and files that each gets."""

    settings: Settings
    operator_token: str
    listening: Sequence[socket.socket]
    counts: Sequence[int]
    forks: ForkServer | None = None
    _running: dict[int, Process] = field(default_factory=dict)

    async def spawn(self, number: int) -> Process:
        """Start a process, which waits to be told what to do; fork it if it can be forked."""
        kept = (self.listening[number].fileno(), *self.counts)
        if self.forks is not None:
            command = Command(
                program="api",
                words=["ferryman.server.api_process"],
                variables={SUPERVISED: "1"},
                without=[],
                numbers=[[each] for each in kept],
            )
            if (forked := await self.forks.fork(command, kept, answers=True)) is not None:
                return forked
        return await asyncio.create_subprocess_exec(
            *own_program("ferryman.server.api_process"),
            env={**os.environ, SUPERVISED: "1"},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=kept,
        )

    @asynccontextmanager
    async def serving(self, first: Process | None, database_url: str) -> AsyncIterator[None]:
        """Keep all processes running while the block runs; it begins when the first one serves.

        The ``first`` one, or a new one, starts alone, since it may find out what keeps the platform
        from starting; raises ``ConfigError`` then.
        """
        served: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        keeping = [asyncio.create_task(self._keep(0, database_url, first, served))]
        try:
            await asyncio.wait({served, keeping[0]}, return_when=asyncio.FIRST_COMPLETED)
            # Why it could not be started is raised, instead of being waited for.
            (served if served.done() else keeping[0]).result()
            keeping += [
                asyncio.create_task(self._keep(number, database_url))
                for number in range(1, len(self.listening))
            ]
            yield
        finally:
            for task in keeping:
                task.cancel()
            await asyncio.gather(*keeping, return_exceptions=True)

    def announce_end(self) -> None:
        """Let long polls end, and probes see that this platform is about to stop."""
        for process in self._running.values():
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)

    async def _keep(
        self,
        number: int,
        database_url: str,
        process: Process | None = None,
        served: "asyncio.Future[None] | None" = None,
    ) -> None:
        """Start a process whenever there is none; when cancelled, end it in order."""
        loop, pause = asyncio.get_running_loop(), 0.1
        while True:
            began = loop.time()
            try:
                process = process or await self.spawn(number)
            except OSError as error:  # this machine has no process or descriptor left for it
                if served is not None and not served.done():
                    raise
                log.error("api.not_started", number=number, found=str(error))
                pause = min(max(0.1, pause * 2), 5.0)
                await asyncio.sleep(pause)
                continue
            try:
                answer = await self._told(process, number, database_url)
                refused = start_refusal(**answer) if answer.get("code") else None
                if answer and refused is None and process.returncode is None:
                    self._running[number] = process
                    log.info("api.serves", number=number, pid=process.pid)
                    if served is not None and not served.done():
                        served.set_result(None)
                code = await process.wait()
            finally:
                self._running.pop(number, None)
                await _stop(process)
            process = None
            if refused is not None:
                if served is not None and not served.done():
                    served.set_exception(refused)
                    return
                log.error("api.not_started", number=number, code=refused.code, found=refused.found)
            log.warning("api.ended", number=number, code=code)
            # At once if it served for a while, since connections wait for the next one.
            pause = 0.0 if loop.time() - began > _LONG_SECONDS else min(max(0.1, pause * 2), 5.0)
            await asyncio.sleep(pause)

    async def _told(self, process: Process, number: int, database_url: str) -> dict[str, str]:
        """Tell a process what to do; return its answer, or nothing if it ended instead."""
        if process.returncode is not None:
            return {}
        into, out = process.stdin, process.stdout
        if into is None or out is None:
            raise AssertionError("it was started with pipes")
        start = {
            "settings": packed(self.settings),
            "database_url": database_url,
            "operator_token": self.operator_token,
            "number": number,
            "listening": self.listening[number].fileno(),
            "counts": self.counts,
        }
        answer = b""
        with suppress(ConnectionError):  # it was killed meanwhile
            into.write(msgspec.json.encode(start) + b"\n")
            await into.drain()
            answer = await out.readline()
        return msgspec.json.decode(answer, type=dict[str, str]) if answer.endswith(b"\n") else {}


@asynccontextmanager
async def api_processes(
    settings: Settings, operator_token: str, number: int, forks: ForkServer | None = None
) -> AsyncIterator[tuple[ApiProcesses, Process | None]]:
    """Open the sockets and files of so many processes; yield them, and the first process.

    There is none yet if it will be forked, which takes no time.
    """
    with ExitStack() as stack:
        listening = sockets(settings.host, settings.port, number)
        for each in listening:
            stack.enter_context(each)
        # Without a name: they end with the processes, however those end.
        counts = [stack.enter_context(TemporaryFile()) for _ in range(number)]
        processes = ApiProcesses(
            settings.model_copy(update={"api_processes": number}),
            operator_token,
            listening,
            [each.fileno() for each in counts],
            forks,
        )
        first = None if forks is not None else await processes.spawn(0)
        try:
            yield processes, first
        finally:
            if first is not None:
                await _stop(first)


async def _stop(process: Process) -> None:
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        log.warning("api.cut_off", seconds=_STOP_SECONDS)
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
