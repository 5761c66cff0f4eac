"""The program of a container service: its process group, and what it prints."""

import asyncio
import json
import os
import shlex
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import psutil

from ferryman import refusals

PROXY = "FORGE_EGRESS_PROXY_URL"
_NOTE = "service-{key}.group"
_LAST_LINES = 15
_LINE_BYTES = 1 << 14
_POLL_SECONDS = 0.05
_GRACE_SECONDS = 10.0
_LAST_SECONDS = 1.0


class Program:
    """A running program, the leader of a group that ends with it.

    ``note`` is a file that lets the next run end the group, should this one be killed.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", note: Path, output: "Output") -> None:
        self._process = process
        self._note = note
        self._output = output
        self._status: int | None = None

    @classmethod
    async def start(
        cls,
        words: Sequence[str],
        *,
        key: str,
        folder: Path,
        environment: Mapping[str, str],
        note: Path,
        output: "Output",
    ) -> "Program":
        """Start it in ``folder``; raise ``ConfigError`` (``service_not_started``)."""
        try:
            process = subprocess.Popen(  # noqa: ASYNC220 - some milliseconds
                words,
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for us alone, and what the program starts ends with it.
                start_new_session=True,
            )
        except (OSError, ValueError) as failure:
            raise refusals.service.NOT_STARTED(
                command=shlex.join(words), key=key, found=str(failure)
            ) from failure
        program = cls(process, note, output)
        try:
            _write(note, process.pid, environment[PROXY])
            await asyncio.get_running_loop().connect_read_pipe(lambda: output, process.stdout)
        except BaseException:
            await program.end()
            raise
        return program

    @property
    def status(self) -> int | None:
        """Return the exit status, minus N after signal N; None while it runs.

        It stays a zombie until :meth:`end`, so that nobody else gets the id of its group.
        """
        if self._status is None:
            found = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if found is not None:
                by_itself = found.si_code == os.CLD_EXITED
                self._status = found.si_status if by_itself else -found.si_status
        return self._status

    async def ended(self) -> int:
        """Wait until it has ended; return its exit status."""
        # The process is not a child that asyncio may reap: its group would lose its id.
        while (status := self.status) is None:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_SECONDS)
        return status

    async def end(self) -> None:
        """End it and everything in its group, at first by asking it to."""
        if self._process.returncode is None:
            try:
                if self.status is None:
                    os.killpg(self._process.pid, signal.SIGTERM)
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self.ended(), _GRACE_SECONDS)
            except BaseException:  # somebody does not want to wait so long
                os.killpg(self._process.pid, signal.SIGKILL)
                with suppress(subprocess.TimeoutExpired):
                    self._status = self._process.wait(_LAST_SECONDS)
                    self._note.unlink(missing_ok=True)
                self._output.close()
                raise
            os.killpg(self._process.pid, signal.SIGKILL)
            await self.ended()
            await self._output.finished()
            self._process.wait()
        self._note.unlink(missing_ok=True)


class Output(asyncio.Protocol):
    """The lines of a program: ``say`` gets each, and the last ones are kept."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._rest = b""
        self._last: deque[str] = deque(maxlen=_LAST_LINES)
        self._over = asyncio.Event()
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with the output of a program."""
        self._transport = transport
        self._over.clear()

    async def finished(self) -> None:
        """Wait for the last lines of a program that has ended.

        Not for long: something that left its group may keep its output open.
        """
        with suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), _LAST_SECONDS)
        self.close()

    def close(self) -> None:
        """Take no more."""
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Take whole lines, and of a line without an end whatever is too long to keep."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LINE_BYTES:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            self._take(line)

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the line that had no end."""
        del exc
        if self._rest:
            self._take(self._rest)
            self._rest = b""
        self._over.set()

    def last(self) -> str:
        """Return the last lines, each after a line break, or that there are none."""
        return "".join(f"\n{line}" for line in self._last) or " none"

    def _take(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").rstrip("\r")
        self._last.append(text[:500])
        self._say(text)


def note_of(notes: Path, key: str) -> Path:
    """Return the note about the program of a service, in the folder ``notes``."""
    return notes / _NOTE.format(key=quote(key, safe=""))


def _write(note: Path, pid: int, proxy: str) -> None:
    with suppress(psutil.NoSuchProcess):
        note.write_text(json.dumps([pid, psutil.Process(pid).create_time(), proxy]))


def end_left(notes: Path) -> None:
    """End the programs that an earlier run, which was killed, left behind."""
    for note in notes.glob(_NOTE.format(key="*")):
        end_noted(note)


def end_noted(note: Path) -> None:
    """End the group that ``note`` names, unless its id has been reused.

    If its leader is gone, its members are known by the address of their proxy.
    """
    with suppress(ValueError, TypeError, OSError, psutil.Error):
        pid, born, proxy = json.loads(note.read_text())
        if not psutil.pid_exists(pid):
            _end_orphans(pid, proxy)
        elif psutil.Process(pid).create_time() == born and os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
    note.unlink(missing_ok=True)


def _end_orphans(group: int, proxy: str) -> None:
    for process in psutil.process_iter():
        with suppress(OSError, psutil.Error):
            own = os.getpgid(process.pid) == os.getsid(process.pid) == group
            if own and process.environ().get(PROXY) == proxy:
                process.kill()
