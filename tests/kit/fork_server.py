"""Runs ``ferryman`` and ``pytest`` in forks of itself: each has imported everything.

``python -m tests.kit.fork_server CONTROL LISTENER FOLDER SPACE``: each connection to the listener
is a command with its descriptors, and is told the number of its process and how it ended. The end
of CONTROL is ours, and FOLDER lasts as long as we do. SPACE is a long word: forks show the words of
their commands in its place.
"""

import atexit
import ctypes
import fcntl
import gc
import json
import os
import selectors
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from tests.kit.forked_children import STARTERS, STOPS, serve_children

MESSAGE = 1 << 20
STANDARD = (0, 1, 2)

PRELOADED = (
    *("ferryman.server.serve", "ferryman.server.run_api", "ferryman.server.run_worker"),
    *("ferryman.server.api_processes", "ferryman.setting_names"),
    *("anyio._backends._asyncio", "encodings.idna", "encodings.utf_8_sig", "rich.emoji"),
)
"""What the commands of most tests import late."""


def receive(connection: socket.socket) -> tuple[Any, list[int]] | None:
    """Return a command and its descriptors; None if who had one to send has ended."""
    message, descriptors, _, _ = socket.recv_fds(connection, MESSAGE, len(STANDARD))
    while not message.endswith(b"\n"):
        if not (more := connection.recv(MESSAGE)):
            return None
        message += more
    return json.loads(message), descriptors


def become(command: Any, descriptors: list[int]) -> str:
    """Take over what a new program is given: descriptors, folder, variables and arguments.

    Returns the module to run, also in the processes that this one starts.
    """
    if command["session"]:
        os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
    _take(descriptors, (*STANDARD, *command.get("kept", ())))
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", 1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    os.chdir(command["folder"])
    os.environ.clear()
    os.environ.update(command["env"])
    module, arguments = str(command.get("module", "ferryman")), command["arguments"]
    _show([sys.executable, "-m", module, *arguments])
    if module == "pytest" or STARTERS.intersection(arguments[:1]):
        found = serve_children(become)
        if found is not None:
            return found
    sys.argv = [module.partition(".")[0], *arguments]
    # As `python -m` has it, or as a script in that folder.
    more = os.environ.get("PYTHONPATH")
    first = command.get("script_folder", command["folder"])
    sys.path[:0] = [first, *(more.split(os.pathsep) if more else ())]
    return module


def _take(descriptors: Sequence[int], numbers: Sequence[int]) -> None:
    """Give the descriptors those numbers, which others of them may have until then."""
    above = max(*numbers, *descriptors) + 1
    moved = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, above) for each in descriptors]
    for descriptor in descriptors:
        os.close(descriptor)
    for descriptor, number in zip(moved, numbers, strict=True):
        os.dup2(descriptor, number)
        os.close(descriptor)


def _show(words: Sequence[str]) -> None:
    """Let the system show these words as the command line, in the place of our own."""
    stat = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    begin, end = int(stat[45]), int(stat[46])
    text = b"".join(os.fsencode(word) + b"\0" for word in words)[: end - begin - 1]
    ctypes.memmove(begin, text.ljust(end - begin, b"\0"), end - begin)


def end(program: Callable[[], object]) -> NoReturn:
    """Run it, and end as the interpreter does, but without taking every module apart.

    That touches, and so copies, nearly all memory that this process shares with what it is a fork
    of. What a program raises, and output that cannot be written, are left to the interpreter.
    """
    try:
        status = program()
    except SystemExit as exc:
        status = exc.code
    if status is not None and not isinstance(status, int):
        sys.exit(str(status))
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit((status or 0) & 0xFF)
    sys.exit(status)


class Forks:
    """Forks for each command that arrives, and tells who sent it how that ends."""

    def __init__(self, control: socket.socket, listener: socket.socket) -> None:
        self._control, self._listener = control, listener
        self._running: dict[int, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._ended, self._wakeup = socket.socketpair()
        for end in (self._ended, self._wakeup):
            end.setblocking(False)
        for each in (control, listener, self._ended):
            self._selector.register(each, selectors.EVENT_READ)
        signal.set_wakeup_fd(self._wakeup.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the test run

    def wait(self) -> tuple[Any, list[int]] | None:
        """Return a command in its fork; None at the end of the test run."""
        while True:
            ready: Any = {key.fileobj for key, _ in self._selector.select()}
            if self._ended in ready:
                self._ended.recv(MESSAGE)
                self._tell_ended()
            if self._control in ready:
                return None
            for gone in ready - {self._control, self._ended, self._listener}:
                self._kill(gone)
            if self._listener in ready:
                connection, _ = self._listener.accept()
                received = receive(connection)
                if received is None:
                    connection.close()
                elif self._fork(connection, tied=received[0]["tied"]):
                    return received
                else:
                    for number in received[1]:
                        os.close(number)

    def _fork(self, connection: socket.socket, *, tied: bool) -> bool:
        """Return True in the fork; one that is tied is killed when who asked for it is gone."""
        pid = os.fork()
        if pid == 0:
            self._selector.close()
            ours = (self._control, self._listener, self._ended, self._wakeup)
            for each in (*ours, *self._running.values(), connection):
                each.close()
            return True
        self._running[pid] = connection
        with suppress(OSError):  # who asked for it may be gone already
            connection.sendall(f"{pid}\n".encode())
        if tied:
            self._selector.register(connection, selectors.EVENT_READ)
        return False

    def _kill(self, gone: socket.socket) -> None:
        if gone in self._selector.get_map():
            self._selector.unregister(gone)
        for pid in [pid for pid, connection in self._running.items() if connection is gone]:
            try:
                os.killpg(pid, signal.SIGKILL)
            except ProcessLookupError:  # it has not got so far that it leads a group
                os.kill(pid, signal.SIGKILL)

    def _tell_ended(self) -> None:
        while self._running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            with self._running.pop(pid) as connection:
                if connection in self._selector.get_map():
                    self._selector.unregister(connection)
                with suppress(OSError):
                    connection.sendall(f"{status}\n".encode())


if __name__ == "__main__":
    import pytest
    from litestar import Litestar

    from ferryman.cli import main
    from ferryman.cli.app import build
    from ferryman.server import api_process
    from ferryman.store import embedded
    from tests.kit.initdb_once import InitdbOnce

    for name in PRELOADED:
        import_module(name)
    build()
    Litestar()  # imports the rest of itself
    embedded.postgres_server.pgexec = InitdbOnce(Path(sys.argv[3]))  # type: ignore[attr-defined]
    del sys.path[0]  # the folder that holds `tests`
    # Or each fork would look through all of it at its end.
    gc.collect()
    gc.freeze()
    sockets = [socket.socket(fileno=int(number)) for number in sys.argv[1:3]]
    forked = Forks(*sockets).wait()
    if forked is not None:
        programs = {
            "ferryman": main,
            "ferryman.server.api_process": api_process.main,
            "pytest": pytest.console_main,
        }
        end(programs[become(*forked)])
