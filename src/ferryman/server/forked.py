"""Have processes forked by the fork server, and watch them like those that were started."""

import asyncio
import ctypes
import os
import select
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import msgspec
import structlog

from ferryman.server.fork_server import (
    MESSAGE_BYTES,
    MOST_DESCRIPTORS,
    NEXT,
    READY,
    Modules,
    end,
)
from ferryman.server.forked_program import Command

log = structlog.get_logger("ferryman.serve")

_ADOPT = 36
"""``PR_SET_CHILD_SUBREAPER`` of prctl."""

_ANSWER_BYTES = 64

_ANSWER_SECONDS = 60.0
"""Time to import what is forked, on a machine that does much else."""

_LAST_SECONDS = 5.0
"""Time for an answer when we end, and nothing is to be left running."""

_KILL_SECONDS = 10.0


class ForkedProcess:
    """A child that was forked for us, with the members of :class:`asyncio.subprocess.Process`.

    Its standard input is a socket that we write to, and whose end it sees when we end.
    """

    def __init__(
        self, pid: int, watched: int, stdin: asyncio.StreamWriter, stdout: asyncio.StreamReader
    ) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdin = stdin
        self.stdout = stdout
        self._ended = asyncio.Event()
        self._watched = watched
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._watched, self._reap)

    async def wait(self) -> int:
        """Return its exit status, which is negative if a signal ended it."""
        await self._ended.wait()
        assert self.returncode is not None  # noqa: S101 - for type checkers
        return self.returncode

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def _reap(self) -> None:
        self._loop.remove_reader(self._watched)
        os.close(self._watched)
        try:
            _, status = os.waitpid(self.pid, 0)
            self.returncode = os.waitstatus_to_exitcode(status)
        except ChildProcessError:  # the system did not hand it over; whoever has it knows the rest
            self.returncode = -1
        self.stdin.close()
        self._ended.set()


def taken_over(begun: tuple[socket.socket, int] | None) -> "ForkServer | None":
    """Return our end of what :func:`fork_server.begin` returned; None if it cannot be watched."""
    if begun is None:
        return None
    try:
        return ForkServer(*begun)
    except OSError:  # no descriptor is left; what it should fork is started, and says so
        end(*begun)
        return None


class ForkServer:
    """Our end of the fork server: what :func:`fork_server.begin` returned. Close it at the end."""

    def __init__(self, asks: socket.socket, pid: int) -> None:
        asks.setblocking(False)
        self._asks, self._pid = asks, pid
        self._watched = os.pidfd_open(pid)
        self._turn = asyncio.Lock()

    def prepare(self, modules: Modules) -> None:
        """Let it import what its forks need."""
        with suppress(OSError):  # it has ended
            self._asks.send(msgspec.json.encode(modules))

    async def fork(
        self, command: Command, descriptors: Sequence[int], *, answers: bool
    ) -> ForkedProcess | None:
        """Return a process of its own for a command; None if it cannot be forked.

        It gets ``descriptors`` by the command's numbers, and as its standard input a socket; if it
        ``answers``, as its standard output too. Raises ``OSError`` if we have no descriptor left.
        """
        asking = asyncio.ensure_future(self._fork(command, descriptors, answers=answers))
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:
            # One that we do not get to know ends by itself, as its standard input does.
            with suppress(OSError):
                async with asyncio.timeout(_LAST_SECONDS):
                    process = await asking
                if process is not None:
                    process.kill()
                    await process.wait()
            raise

    def close(self) -> None:
        """End it; what it has forked goes on."""
        if self._asks.fileno() == -1:
            return
        self._asks.close()
        with suppress(OSError):  # it was waited for by whoever ignores the ends of children
            signal.pidfd_send_signal(self._watched, signal.SIGKILL)
            ended = select.poll()
            ended.register(self._watched, select.POLLIN)
            # Not forever: one that reads from a disk that does not answer cannot end.
            ended.poll(_KILL_SECONDS * 1000)
            os.waitpid(self._pid, os.WNOHANG)
        os.close(self._watched)

    async def _fork(
        self, command: Command, descriptors: Sequence[int], *, answers: bool
    ) -> ForkedProcess | None:
        ours, its = socket.socketpair()
        try:
            with its:
                standard = [0, 1] if answers else [0]
                pid = await self._ask(
                    msgspec.structs.replace(command, numbers=[*command.numbers, standard]),
                    [*descriptors, its.fileno()],
                )
            if pid is not None:
                watched = os.pidfd_open(pid)
                reader, writer = await asyncio.open_unix_connection(sock=ours)
                return ForkedProcess(pid, watched, writer, reader)
        except BaseException:
            ours.close()
            raise
        ours.close()
        return None

    async def _ask(self, command: Command, descriptors: Sequence[int]) -> int | None:
        try:
            message = msgspec.json.encode(command)
        except UnicodeEncodeError:  # variables that are no text
            return None
        if len(message) > MESSAGE_BYTES or len(descriptors) > MOST_DESCRIPTORS:
            return None
        async with self._turn:
            if self._asks.fileno() == -1:
                return None
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    return await self._exchange(message, descriptors)
            except (OSError, ValueError) as error:
                log.warning("forks.ended", found=repr(error))
                await asyncio.to_thread(self.close)
                return None
            except asyncio.CancelledError:
                # Its answer would be taken for that to another command.
                self.close()
                raise

    async def _exchange(self, message: bytes, descriptors: Sequence[int]) -> int:
        loop = asyncio.get_running_loop()
        self._asks.send(NEXT)
        if await loop.sock_recv(self._asks, _ANSWER_BYTES) != READY:
            raise ConnectionError("it has ended")
        # Only now, or what ends meanwhile would be handed to us as well.
        with _adopting():
            socket.send_fds(self._asks, [message], descriptors)
            return int(await loop.sock_recv(self._asks, _ANSWER_BYTES))


@contextmanager
def _adopting() -> Iterator[None]:
    """Take over orphans below us while the block runs."""
    prctl, on, off = ctypes.CDLL(None).prctl, ctypes.c_ulong(1), ctypes.c_ulong(0)
    prctl(_ADOPT, on, off, off, off)
    try:
        yield
    finally:
        prctl(_ADOPT, off, off, off, off)
