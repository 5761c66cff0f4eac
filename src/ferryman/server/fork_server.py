"""Fork the processes of ``serve`` from one that has imported what they need (ADR 107).

    serve ──▶ fork server ──▶ a process that ends at once ──▶ API process, worker

The fork server is a fork of ``serve`` itself, from before there are threads or a loop, and never
has any. It begins at once with what all processes import, beside ``serve``. What it forks is handed
to ``serve``, as orphans are to a process that adopts them: so they are real children, which
``serve`` signals and waits for.

Each is asked for twice: by ``NEXT``, which is answered once it can be forked at once, and then by
its command. So ``serve`` adopts orphans only for as long as it takes to fork.
"""

import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import msgspec

from ferryman.server import collector
from ferryman.server.forked_program import Command, become, keep_variables, show

MESSAGE_BYTES = 128 << 10
MOST_DESCRIPTORS = 250
"""Linux sends 253 at most with one message."""

NEXT, READY = b"next", b"ready"
"""The question whether a command may come, and its answer; that to a command is a process id."""

_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Programs = Mapping[str, Callable[[], None]]
"""What may be forked, by its name: each runs in a fork of its own."""


class Modules(msgspec.Struct, frozen=True):
    """What the forks import: some before the first of them, others before the second."""

    first: list[str]
    second: list[str]


SHARED = ("ferryman.logs", "ferryman.tracing", "ferryman.server.build")
"""What each process of a platform imports, whatever it is."""


def modules_of(api_processes: int, worker: Sequence[str]) -> Modules:
    """Return what forks of a platform need: at first the API, unless `serve` itself runs it.

    ``worker`` is what workers need; nothing if there is none.
    """
    worker = [*worker]
    if api_processes == 1:
        return Modules(worker, [])
    return Modules(["ferryman.server.api_process", "ferryman.server.run_api", "uvloop"], worker)


def begin(programs: Programs, shared: Sequence[str] = ()) -> tuple[socket.socket, int] | None:
    """Fork the fork server; return the socket that asks it, and its process id.

    Returns None where it cannot be had.

    It ends when the socket is closed, so with this process at the latest. It imports what is
    ``shared`` at once, and its other modules when it is told them. Does not return in what it
    forks. There must be neither threads nor a loop yet.
    """
    if not _possible():
        return None
    try:
        asks, answers = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    except OSError:  # too many descriptors; as below
        return None
    # From before there is a child. Not ignored: one that reaches a fork before it has handlers
    # must still end it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    try:
        pid = os.fork()
    except OSError:  # too many processes; those that are needed are started, and say so
        pid = -1
    if pid:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        answers.close()
        if pid > 0:
            return asks, pid
        asks.close()
        return None
    try:
        asks.close()
        _close_others(answers.fileno())
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        command = _serve(answers, shared)
    except BaseException:  # noqa: BLE001 - what it should have forked is started, and says why
        os._exit(1)
    if command is None:
        os._exit(0)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    programs[command.program]()
    sys.exit()


def _possible() -> bool:
    """Return whether the system hands orphans over and lets a process be watched.

    What runs `serve` may have begun a thread in it, whose locks a fork would keep forever.
    """
    # Some builds of Python for Linux lack `pidfd_open`, whatever the kernel has.
    if sys.platform != "linux" or not hasattr(os, "pidfd_open") or _threads() > 1:
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    return True


def end(asks: socket.socket, pid: int) -> None:
    """End one that nobody has taken over, whatever it imports just now."""
    if asks.fileno() == -1:
        return
    asks.close()
    with suppress(OSError):  # it was waited for by whoever ignores the ends of children
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _serve(answers: socket.socket, shared: Sequence[str]) -> Command | None:
    """Fork for each command until the socket ends: None then, and the command in a fork."""
    keep_variables()
    with suppress(OSError, ValueError):
        show(["ferryman.server.fork_server"])
    _import(shared)
    told = answers.recv(MESSAGE_BYTES)
    if not told:
        return None
    modules = msgspec.json.decode(told, type=Modules)
    _import(modules.first)
    forked = 0
    while answers.recv(len(NEXT)):
        if forked == 1:
            _import(modules.second)
        answers.sendall(READY)
        message, descriptors, _, _ = socket.recv_fds(answers, MESSAGE_BYTES, MOST_DESCRIPTORS)
        if not message:
            return None
        pid = fork_twice()
        if pid == 0:
            answers.close()
            command = msgspec.json.decode(message, type=Command)
            become(command, descriptors)
            return command
        forked += 1
        for each in descriptors:
            os.close(each)
        answers.sendall(b"%d" % pid)
    return None


def _import(modules: Sequence[str]) -> None:
    collector.disable()
    for name in modules:
        import_module(name)
    if _threads() > 1:
        raise RuntimeError("a module has begun a thread, whose locks a fork would keep forever")
    # Or a collection in a fork would write to each page, and so copy it.
    gc.freeze()


def _threads() -> int:
    """Return the number of this process's threads, also of those that Python does not know."""
    try:
        return len([*Path("/proc/self/task").iterdir()])
    except OSError:
        return threading.active_count()


def _close_others(kept: int) -> None:
    """Close what `serve` was given beside its standard streams, as for a program it starts."""
    with suppress(OSError):  # there is no /proc
        for each in [int(path.name) for path in Path("/proc/self/fd").iterdir()]:
            if each > 2 and each != kept:
                with suppress(OSError):
                    os.close(each)


def fork_twice() -> int:
    """Return 0 in the grandchild; here its number, once whoever adopts orphans has it."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        grandchild = os.fork()
        if grandchild == 0:
            os.close(read)
            os.close(write)
            return 0
        os.write(write, b"%d" % grandchild)
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)  # once it has ended, its child has been adopted
    pid = int(os.read(read, 32))
    os.close(read)
    return pid
