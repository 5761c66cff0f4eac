"""What a forked ``ferryman`` starts of its own, such as workers, are forks as well.

They are real children: the process that forks is a child of the command from its beginning on,
before there are threads and loops, and what it forks is handed to the command, as orphans are to
a process that adopts them (``PR_SET_CHILD_SUBREAPER``).
"""

import asyncio
import atexit
import ctypes
import inspect
import json
import os
import signal
import socket
import subprocess
from asyncio import unix_events
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ferryman.server.fork_server import fork_twice
from ferryman.server.own_program import own_program

MODULES = ("ferryman", "ferryman.server.api_process")
STARTERS = {"demo", "dev", "record", "replay", "serve"}
"""The commands that start processes of our own."""

_ADOPT = 36
_MESSAGE = 1 << 20
_PIPES = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Command = dict[str, Any]
Become = Callable[[Command, list[int]], str]


def serve_children(become: Become) -> str | None:
    """Fork what forks for this process.

    Returns None here, and in each of the forks the module that it is to run.
    """
    asks, answers = socket.socketpair()
    forker = os.fork()
    if forker:
        answers.close()
        atexit.register(_end, asks, forker, os.getpid())
        _use(asks)
        return None
    asks.close()
    # Not ignored: one that reaches a fork before it is the command must still end it.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    os.close(nothing)
    while received := _receive(answers):
        command, descriptors = received
        pid = fork_twice()
        if pid == 0:
            answers.close()
            return become(command, descriptors)
        answers.sendall(b"%d\n" % pid)
        for number in descriptors:
            os.close(number)
    os._exit(0)


def _receive(answers: socket.socket) -> tuple[Command, list[int]] | None:
    message, descriptors, _, _ = socket.recv_fds(answers, _MESSAGE, 64)
    if not message:
        return None
    while not message.endswith(b"\n"):
        message += answers.recv(_MESSAGE)
    return json.loads(message), descriptors


def _end(asks: socket.socket, forker: int, command: int) -> None:
    if os.getpid() == command:  # and not one that the command has forked by itself
        asks.close()
        os.waitpid(forker, 0)


def _use(asks: socket.socket) -> None:
    """From now on, what this process starts of its own is a fork."""

    class Popen(subprocess.Popen[Any]):
        def _execute_child(self, *given: Any) -> None:
            start = super()._execute_child  # type: ignore[misc]
            named = inspect.signature(start).bind(*given).arguments
            if not _own(named["args"]):
                start(*given)
                return
            try:
                self.pid = _ask(asks, named)
                self._child_created = True
            finally:
                self._close_pipe_fds(*(named[each] for each in _PIPES))  # type: ignore[attr-defined]

    begin = asyncio.create_subprocess_exec

    async def create_subprocess_exec(program: Any, *args: Any, **options: Any) -> Any:
        if not _own((program, *args)):
            return await begin(program, *args, **options)
        return await _in_loop((program, *args), options)

    subprocess.Popen = Popen  # type: ignore[misc]
    asyncio.create_subprocess_exec = create_subprocess_exec


def _own(words: Any) -> bool:
    return tuple(words[:3]) == (*own_program(""),)[:3] and words[3] in MODULES


def _ask(asks: socket.socket, named: Command) -> int:
    own = [named[end] for end in ("p2cread", "c2pwrite", "errwrite")]
    standard = [number if end == -1 else end for number, end in enumerate(own)]
    env = os.environ if named["env"] is None else named["env"]
    command = {
        "module": named["args"][3],
        "arguments": [os.fspath(each) for each in named["args"][4:]],
        "folder": str(Path.cwd() if named["cwd"] is None else named["cwd"]),
        "env": dict(env),
        "session": named["start_new_session"],
        "kept": list(named["pass_fds"]),
    }
    with _adopting():
        socket.send_fds(asks, [b" "], [*standard, *named["pass_fds"]])
        asks.sendall(json.dumps(command).encode() + b"\n")
        return int(asks.recv(64))


@contextmanager
def _adopting() -> Any:
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    assert prctl(_ADOPT, 1, 0, 0, 0) == 0, os.strerror(ctypes.get_errno())
    try:
        yield
    finally:
        prctl(_ADOPT, 0, 0, 0, 0)


async def _in_loop(words: tuple[Any, ...], options: Command) -> asyncio.subprocess.Process:
    """Start it as asyncio does, whichever loop runs; uvloop has processes of its own."""
    loop = asyncio.get_running_loop()
    protocol = asyncio.subprocess.SubprocessStreamProtocol(limit=1 << 16, loop=loop)
    begun = loop.create_future()
    pipes = {name: options.pop(name, None) for name in ("stdin", "stdout", "stderr")}
    transport = unix_events._UnixSubprocessTransport(  # type: ignore[attr-defined]
        loop, protocol, words, shell=False, **pipes, bufsize=0, waiter=begun, **options
    )
    process = transport.get_extra_info("subprocess")
    watched = os.pidfd_open(process.pid)

    def ended() -> None:
        loop.remove_reader(watched)
        os.close(watched)
        transport._process_exited(process.wait())

    loop.add_reader(watched, ended)
    await begun
    return asyncio.subprocess.Process(transport, protocol, loop)
