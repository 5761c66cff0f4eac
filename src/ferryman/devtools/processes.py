"""Start child processes of a command with a log, watch them, and always end them.

A killed command leaves its children behind; its notes about them let the next run end exactly
those.
"""

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from ferryman.client.admin import AdminClient
from ferryman.client.text import Line
from ferryman.server import waiting
from ferryman.server.own_program import own_program
from ferryman.server.parent_watchdog import SUPERVISED
from ferryman.vocab import FunctionMode

GRACE_SECONDS = 60.0
TAIL_LINES = 15
READY_SECONDS = 180.0
_POLL_SECONDS = 0.02
_READY_POLL_SECONDS = 0.01
_WORKER_SECONDS = 60.0


class ChildEndedError(Exception):
    """A child that ended too early; the message ends with its last lines of output."""


@dataclass(frozen=True, slots=True)
class Child:
    """A child process and the file that holds its output."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    grace: float

    def output(self) -> str:
        """Return everything it has printed so far."""
        return self.log.read_text(errors="replace")


class Children:
    """The children of one command, with their logs and notes in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[Child] = []

    def __enter__(self) -> Self:
        """End what an earlier run left behind."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for note in self._folder.glob("*.pid"):
            end_noted(note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End all, the last begun first."""
        while self._running:
            child = self._running.pop()
            if child.process.poll() is None:
                end(psutil.Process(child.process.pid), child.grace)
            if child.process.stdin is not None:
                child.process.stdin.close()
            self._note(child.name).unlink(missing_ok=True)

    def start(
        self,
        name: str,
        *arguments: str,
        cwd: Path,
        env: Mapping[str, str],
        grace: float = GRACE_SECONDS,
        kept: bool = False,
        without: Sequence[str] = (),
        begun: waiting.WaitingServe | None = None,
    ) -> Child:
        """Start ``ferryman NAME`` with these arguments.

        ``env`` is added to our own variables; ``grace`` is the number of seconds that it may take
        to end on request. A ``kept`` one ends by itself when we are killed. The settings in
        ``without`` are not passed on to it. One that was ``begun`` and waits is told what to do.
        """
        hidden = {f"FERRYMAN_{name}" for name in without}
        own = {name: value for name, value in os.environ.items() if name not in hidden}
        log = self._folder / f"{name}.log"
        log.write_bytes(b"")
        more = {**env, **({SUPERVISED: "1"} if kept else {})}
        order = waiting.Order([*arguments], str(cwd), more, str(log))
        if begun is not None:
            if waiting.tell(begun, order):
                return self._started(name, begun, log, grace)
            waiting.end(begun)
        with log.open("wb") as output:
            process = subprocess.Popen(
                own_program("ferryman", name, *arguments),
                cwd=cwd,
                env={**own, **more},
                stdin=subprocess.PIPE if kept else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for us alone: we end the children, and in order.
                start_new_session=True,
            )
        return self._started(name, process, log, grace)

    def _started(
        self, name: str, process: "subprocess.Popen[bytes]", log: Path, grace: float
    ) -> Child:
        child = Child(name, process, log, grace)
        self._running.append(child)
        born = psutil.Process(process.pid).create_time()
        self._note(name).write_text(json.dumps([process.pid, born, grace]))
        return child

    def forget(self, child: Child) -> None:
        """Forget a child that has ended, so that it can be started again."""
        self._running.remove(child)
        if child.process.stdin is not None:
            child.process.stdin.close()

    def check(self) -> None:
        """Raise ``ChildEndedError`` if one has ended by itself."""
        for child in self._running:
            code = child.process.poll()
            if code is not None:
                words = "\n".join(child.output().splitlines()[-TAIL_LINES:])
                raise ChildEndedError(
                    f"`ferryman {child.name}` ended with {code}. Its last lines:\n{words}"
                )

    def _note(self, name: str) -> Path:
        return self._folder / f"{name}.pid"


def function_settings(folders: str = "*=.") -> dict[str, str]:
    """Return how a developer's platform runs functions, unless variables say otherwise.

    Sandboxed where this machine can, and with the app's own folder to write to.
    """
    environment = {"FERRYMAN_FUNCTIONS": "auto", "FERRYMAN_FUNCTION_FOLDERS": folders}
    return {name: os.environ.get(name, value) for name, value in environment.items()}


def without_sandbox(admin: AdminClient) -> list[Line]:
    """Return a line that says so if functions run without a sandbox."""
    readiness = admin.readiness()
    if readiness.functions != FunctionMode.TRUSTED:
        return []
    return [(f"Functions are {readiness.checks['functions'].found}", "bold")]


def end_noted(note: Path) -> None:
    """End the process that ``note`` names, unless its id has been reused."""
    try:
        pid, born, grace = json.loads(note.read_text())
        process = psutil.Process(pid)
        if process.create_time() == born:
            end(process, grace)
    except (ValueError, psutil.NoSuchProcess):
        pass
    note.unlink(missing_ok=True)


def end(process: psutil.Process, grace: float) -> None:
    """Terminate a process, wait, and kill it if it has not ended."""
    try:
        process.terminate()
        process.wait(grace)
    except psutil.NoSuchProcess:
        pass
    except psutil.TimeoutExpired:
        process.kill()
        process.wait()


def ready(platform: Child, children: Children, seconds: float = READY_SECONDS) -> str:
    """Wait until ``ferryman serve`` accepts calls, and return its address."""
    return wait_for(platform, children, "Ferryman ready on ", seconds)


def wait_for(child: Child, children: Children, text: str, seconds: float) -> str:
    """Wait for the first line of output with ``text``, and return the rest of the line."""
    limit = time.monotonic() + seconds
    while True:
        output = child.output()
        for line in output.splitlines(keepends=True):
            if text in line and line.endswith("\n"):
                return line.partition(text)[2].strip()
        children.check()
        if time.monotonic() > limit:
            words = "\n".join(output.splitlines()[-TAIL_LINES:])
            raise ChildEndedError(
                f"`ferryman {child.name}` was not ready in {seconds:.0f} s:\n{words}"
            )
        time.sleep(_READY_POLL_SECONDS)


def wait_for_worker(admin: AdminClient, children: Children) -> bool:
    """Wait until a worker is alive; return False if there is none after a minute.

    A transfer started before that waits, and its explanation says that nothing delivers it.
    ``ChildEndedError`` is raised if the platform ends meanwhile.
    """
    limit = time.monotonic() + _WORKER_SECONDS
    while not _works(admin):
        children.check()
        if time.monotonic() > limit:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _works(admin: AdminClient) -> bool:
    """Return whether a worker does its work."""
    # Readiness is kept for a tenth of a second, and waits until a sandbox was tried.
    return any(each.state == "working" and not each.error for each in admin.workers.list().items)
