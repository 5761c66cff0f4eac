"""Have processes forked by the fork server, and watch them like those that were started."""

import asyncio
import ctypes
import os
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import msgspec

from ferryman.server.fork_server import MESSAGE_BYTES, READY, Command, Modules

_ADOPT = 36
"""``PR_SET_CHILD_SUBREAPER`` of prctl."""

_ANSWER_BYTES = 64


class ForkedProcess:
    """A child that was forked for us, with the members of :class:`asyncio.subprocess.Process`.

    Its standard input is a socket that we write to, and whose end it sees when we end.
    """

    def __init__(self, pid: int, stdin: asyncio.StreamWriter, stdout: asyncio.StreamReader) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdin = stdin
        self.stdout = stdout
        self._ended = asyncio.Event()
        self._watched = os.pidfd_open(pid)
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


class ForkServer:
    """Our end of the fork server; ``asks`` is what :func:`fork_server.begin` returned."""

    def __init__(self, asks: socket.socket) -> None:
        asks.setblocking(False)
        self._asks = asks
        self._turn = asyncio.Lock()
        self._ready = False

    def prepare(self, modules: Modules) -> None:
        """Let it import what its forks need."""
        with suppress(OSError):  # it has ended
            self._asks.send(msgspec.json.encode(modules))

    async def fork(
        self, command: Command, descriptors: Sequence[int], *, answers: bool
    ) -> ForkedProcess | None:
        """Return a process of its own for a command; None if it cannot be forked.

        It gets ``descriptors`` by the command's numbers, and as its standard input a socket; if it
        ``answers``, as its standard output too.
        """
        asking = asyncio.ensure_future(self._fork(command, descriptors, answers=answers))
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:
            if (process := await asking) is not None:
                process.kill()
                await process.wait()
            raise

    async def _fork(
        self, command: Command, descriptors: Sequence[int], *, answers: bool
    ) -> ForkedProcess | None:
        ours, its = socket.socketpair()
        with its:
            pid = await self._ask(
                msgspec.structs.replace(
                    command, numbers=[*command.numbers, [0, 1] if answers else [0]]
                ),
                [*descriptors, its.fileno()],
            )
        if pid is None:
            ours.close()
            return None
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        return ForkedProcess(pid, writer, reader)

    async def _ask(self, command: Command, descriptors: Sequence[int]) -> int | None:
        loop = asyncio.get_running_loop()
        async with self._turn:
            try:
                if not self._ready:
                    # Only now, or what ends meanwhile would be handed to us as well.
                    self._ready = await loop.sock_recv(self._asks, _ANSWER_BYTES) == READY
                if not self._ready:
                    raise ConnectionError
                message = msgspec.json.encode(command)
                if len(message) > MESSAGE_BYTES:
                    return None
                with _adopting():
                    socket.send_fds(self._asks, [message], descriptors)
                    answer = await loop.sock_recv(self._asks, _ANSWER_BYTES)
                return int(answer)
            except (OSError, ValueError):
                self._ready = False
                return None


@contextmanager
def _adopting() -> Iterator[None]:
    """Take over orphans below us while the block runs."""
    prctl, on, off = ctypes.CDLL(None).prctl, ctypes.c_ulong(1), ctypes.c_ulong(0)
    prctl(_ADOPT, on, off, off, off)
    try:
        yield
    finally:
        prctl(_ADOPT, off, off, off, off)
