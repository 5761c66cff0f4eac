"""Child processes of a command: started with a log, watched, and ended in every case.

A command that is killed leaves its children behind; the note it kept of them lets the next run
end exactly those.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from ferryman.server.keeper import SUPERVISED

GRACE_SECONDS = 20.0
TAIL_LINES = 15
READY_SECONDS = 60.0


class ChildEndedError(Exception):
    """A child is gone that should still be running; the message ends with its last words."""


@dataclass(frozen=True, slots=True)
class Child:
    """A process of ours and the file that holds what it prints."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    grace: float

    def said(self) -> str:
        """Everything it has printed so far."""
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
    ) -> Child:
        """Start ``ferryman NAME`` with these arguments.

        ``env`` comes on top of our own variables; ``grace`` is how many seconds it may take to
        end once it is asked to. One that is ``kept`` ends by itself when we are killed. Of our
        settings those in ``without`` are kept from it.
        """
        hidden = {f"FERRYMAN_{name}" for name in without}
        own = {name: value for name, value in os.environ.items() if name not in hidden}
        log = self._folder / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "ferryman", name, *arguments],
                cwd=cwd,
                env={**own, **env, **({SUPERVISED: "1"} if kept else {})},
                stdin=subprocess.PIPE if kept else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for us alone: we end the children, and in order.
                start_new_session=True,
            )
        child = Child(name, process, log, grace)
        self._running.append(child)
        born = psutil.Process(process.pid).create_time()
        self._note(name).write_text(json.dumps([process.pid, born, grace]))
        return child

    def forget(self, child: Child) -> None:
        """Leave one out of sight that has ended, so that it can be started again."""
        self._running.remove(child)
        if child.process.stdin is not None:
            child.process.stdin.close()

    def check(self) -> None:
        """Raise ``ChildEndedError`` if one has ended by itself."""
        for child in self._running:
            code = child.process.poll()
            if code is not None:
                words = "\n".join(child.said().splitlines()[-TAIL_LINES:])
                raise ChildEndedError(
                    f"`ferryman {child.name}` ended with {code}. Its last lines:\n{words}"
                )

    def _note(self, name: str) -> Path:
        return self._folder / f"{name}.pid"


def end_noted(note: Path) -> None:
    """End the process that ``note`` tells of, unless its number is another's by now."""
    try:
        pid, born, grace = json.loads(note.read_text())
        process = psutil.Process(pid)
        if process.create_time() == born:
            end(process, grace)
    except (ValueError, psutil.NoSuchProcess):
        pass
    note.unlink(missing_ok=True)


def end(process: psutil.Process, grace: float) -> None:
    """Ask a process to end, wait, and insist."""
    try:
        process.terminate()
        process.wait(grace)
    except psutil.NoSuchProcess:
        pass
    except psutil.TimeoutExpired:
        process.kill()
        process.wait()


def ready(platform: Child, children: Children, seconds: float = READY_SECONDS) -> str:
    """Return the address of ``ferryman serve`` as soon as it takes calls there."""
    return wait_for(platform, children, "Ferryman ready on ", seconds)


def wait_for(child: Child, children: Children, text: str, seconds: float) -> str:
    """Return the rest of the first line in which the child says ``text``."""
    limit = time.monotonic() + seconds
    while True:
        said = child.said()
        for line in said.splitlines(keepends=True):
            if text in line and line.endswith("\n"):
                return line.partition(text)[2].strip()
        children.check()
        if time.monotonic() > limit:
            words = "\n".join(said.splitlines()[-TAIL_LINES:])
            raise ChildEndedError(
                f"`ferryman {child.name}` was not ready in {seconds:.0f} s:\n{words}"
            )
        time.sleep(0.05)
