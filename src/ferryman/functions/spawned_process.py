"""Start a process from the event loop without copying this one's page tables.

uvloop starts processes by ``fork``, which takes longer the more memory this process has, and the
event loop waits until the child runs its program. ``subprocess`` uses ``vfork`` where it can.
"""

import asyncio
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self


class SpawnedProcess:
    """A running process, whose standard input is a pipe; use it within one event loop."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self._ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        descriptor = _pidfd(process.pid)
        if descriptor is None:
            threading.Thread(target=self._wait, daemon=True).start()
        else:
            self._loop.add_reader(descriptor, self._reap, descriptor)

    @classmethod
    def start(
        cls,
        command: list[str],
        *,
        output: int,
        env: dict[str, str],
        pass_fds: tuple[int, ...],
        cwd: Path | None = None,
    ) -> Self:
        """Start ``command`` in its own session; raise ``OSError`` if that fails."""
        return cls(
            subprocess.Popen(
                command,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                cwd=cwd,
                env=env,
                pass_fds=pass_fds,
                start_new_session=True,
            )
        )

    @property
    def pid(self) -> int:
        """Return its number."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Return its exit code, or the signal that ended it, negated; None while it runs."""
        return self._process.poll()

    async def wait(self) -> int:
        """Wait for its end, and return its ``returncode``."""
        await self._ended.wait()
        return self._process.wait()

    def write(self, data: bytes) -> None:
        """Write a few bytes to its standard input, unless it has ended."""
        stdin = self._process.stdin
        if stdin is not None and not stdin.closed:
            with suppress(BrokenPipeError):
                stdin.write(data)

    def close_stdin(self) -> None:
        """End its standard input."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    def kill(self) -> None:
        """End it at once; nothing happens if it has ended."""
        self._process.kill()

    def _reap(self, descriptor: int) -> None:
        self._loop.remove_reader(descriptor)
        os.close(descriptor)
        self._process.wait()
        self._ended.set()

    def _wait(self) -> None:
        self._process.wait()
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._ended.set)


def _pidfd(pid: int) -> int | None:
    """Return a descriptor that is readable once the process has ended; None where there is none."""
    # Some builds of Python for Linux lack it, whatever the kernel has.
    if sys.platform == "linux" and hasattr(os, "pidfd_open"):
        with suppress(OSError):
            return os.pidfd_open(pid)
    return None
