"""``ferryman`` as a process that starts at once: a fork of one that has imported everything.

Importing takes about a second of a processor, which most of what a test run does was. Where the
start itself is tested, ``python -m ferryman`` is run.
"""

import atexit
import inspect
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, AnyStr

ROOT = Path(__file__).parents[2]
_SPACE = "-" * 4096


class ForkServer:
    """The process that forks; it ends with the one that started it."""

    def __init__(self) -> None:
        self._control, its = socket.socketpair()
        self._folder = Path(tempfile.mkdtemp(prefix="ferryman-forks-"))
        self.address = str(self._folder / "socket")
        with its, socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.address)
            listener.listen(256)
            numbers = (its.fileno(), listener.fileno())
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "tests.kit.fork_server"),
                    *(*map(str, numbers), str(self._folder), _SPACE),
                ],
                cwd=ROOT,
                pass_fds=numbers,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        atexit.register(self.close)

    def start(self, command: Mapping[str, object], descriptors: list[int]) -> socket.socket:
        """Have it fork for a command; what is returned tells the process id and its end."""
        told = socket.socket(socket.AF_UNIX)
        told.connect(self.address)
        # The descriptors come with the first byte.
        socket.send_fds(told, [b" "], descriptors)
        told.sendall(json.dumps(command).encode() + b"\n")
        return told

    def close(self) -> None:
        """End it; what it has started goes on."""
        self._control.close()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


_servers: list[ForkServer] = []


def server() -> ForkServer:
    """Return the fork server of this test run, started at its first use."""
    if not _servers:
        _servers.append(ForkServer())
    return _servers[0]


@cache
def scripts() -> Path:
    """Return a folder for the PATH of a shell: its ``ferryman`` and ``pytest`` are such forks.

    What such a pytest starts of Ferryman is a fork as well.
    """
    server()
    folder = Path(tempfile.mkdtemp(prefix="ferryman-scripts-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    source = Path(__file__).with_name("forked_script.py").read_text(encoding="utf-8")
    # Without `site`, whose import takes longer than all of the rest.
    for name in ("ferryman", "pytest"):
        script = folder / name
        script.write_text(f"#!{sys.executable} -IS\n{source}", encoding="utf-8")
        script.chmod(0o755)
    (folder / "address").write_text(server().address)
    return folder


class Popen(subprocess.Popen[AnyStr]):
    """``subprocess.Popen`` of ``python -m ferryman ARGUMENTS``.

    Only the steps differ that are those of the process's parent.
    """

    _told: socket.socket

    def _execute_child(self, *given: Any) -> None:
        named = inspect.signature(super()._execute_child).bind(*given).arguments  # type: ignore[misc]
        assert tuple(named["args"][:3]) == (sys.executable, "-m", "ferryman")
        ends = [named[end] for end in ("p2cread", "c2pwrite", "errwrite")]
        env = os.environ if named["env"] is None else named["env"]
        command = {
            "arguments": [os.fspath(each) for each in named["args"][3:]],
            "folder": str(Path.cwd() if named["cwd"] is None else named["cwd"]),
            "env": dict(env),
            "session": named["start_new_session"],
            "tied": False,
        }
        try:
            own = [number if end == -1 else end for number, end in enumerate(ends)]
            self._told = server().start(command, own)
            self.pid = self._next()
            self._child_created = True
        finally:
            names = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
            self._close_pipe_fds(*(named[each] for each in names))  # type: ignore[attr-defined]

    def _next(self) -> int:
        line = b""
        while not line.endswith(b"\n"):
            if not (byte := self._told.recv(1)):
                raise ChildProcessError("the fork server has ended")
            line += byte
        return int(line)

    def _try_wait(self, flags: int) -> tuple[int, int]:
        try:
            self._told.recv(1, socket.MSG_PEEK | (socket.MSG_DONTWAIT if flags else 0))
        except BlockingIOError:
            return 0, 0
        with self._told:
            return self.pid, self._next()

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        if self.returncode is None and self._waitpid_lock.acquire(blocking=False):  # type: ignore[attr-defined]
            try:
                if self.returncode is None:
                    pid, status = self._try_wait(os.WNOHANG)
                    if pid:
                        self._handle_exitstatus(status)  # type: ignore[attr-defined]
            finally:
                self._waitpid_lock.release()  # type: ignore[attr-defined]
        return self.returncode


def run(
    command: Sequence[str],
    *,
    input: AnyStr | None = None,  # noqa: A002 - as subprocess has it
    capture_output: bool = True,
    timeout: float | None = None,
    check: bool = False,
    **options: Any,
) -> "subprocess.CompletedProcess[AnyStr]":
    """Run ``python -m ferryman ARGUMENTS`` to its end, as ``subprocess.run`` does."""
    assert capture_output
    assert not check
    options |= dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with Popen[AnyStr](command, **options) as process:
        try:
            said, errors = process.communicate(input, timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(command, process.returncode, said, errors)
