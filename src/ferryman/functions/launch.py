"""Start the processes of a host without a sandbox, as the worker's own user."""

import os
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from importlib.machinery import SourceFileLoader
from importlib.util import find_spec
from pathlib import Path

from ferryman.functions.mark import CallMark
from ferryman.functions.spawned_process import SpawnedProcess
from ferryman.network.trust import function_variables

_HERE = Path(__file__).parent
ENTER, HOST = _HERE / "enter.py", _HERE / "host.py"
_MODULES = (
    "host.py",
    "supervisor.py",
    "host_errors.py",
    "host_home.py",
    "host_channel.py",
    "host_left.py",
    "sandbox/init.py",
)
# Variables that any program needs; functions see no other variable of the worker.
_INHERITED = ("PATH", "LANG", "LC_ALL", "TZ")
# No bytecode files, so that a handler edited twice within a second never runs stale.
PYTHON = {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}


@dataclass(slots=True)
class Launched:
    """A started host: the worker's end of its channel, its mark, and how it ended."""

    process: SpawnedProcess
    channel: socket.socket
    mark: CallMark

    def set_slow(self, *, slow: bool) -> None:
        """Let it yield the processor to other functions, or no more; where that is possible."""

    async def exit_code(self) -> int:
        """Wait for the host's end; return its exit code, or the signal that ended it, negated."""
        return await self.process.wait()

    async def close(self) -> None:
        """Release what it used, once its processes have ended."""
        self.mark.close()


def entering(file: Path) -> list[str]:
    """Return the command that runs a file of the host's program, without installed packages."""
    return [sys.executable, "-P", "-S", str(ENTER), str(file)]


@lru_cache(maxsize=1)
def compile_program() -> None:
    """Compile what hosts import, where the installation has not, so that no host has to.

    That is their program, and the SDK with its packages, as some installers leave them alone.
    """
    for name in _MODULES:
        SourceFileLoader(name, str(_HERE / name)).get_code(name)
    # Of the SDK its client for functions, which no other program of ours imports.
    specs = [find_spec(name) for name in ("ferryman.sdk.migration", "urllib3", "msgspec")]
    compiled = all(spec and spec.cached and Path(spec.cached).exists() for spec in specs)
    if not compiled and not sys.dont_write_bytecode:
        command = [sys.executable, "-P", "-c", "from ferryman import Migration"]
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)


def launch(task: list[str], source: Path, memory_bytes: int, output: int) -> Launched:
    """Start ``host.py`` with ``task``, printing to ``output``; raise ``OSError`` if that fails."""
    ours, theirs = socket.socketpair()
    mark = CallMark()
    passed = (theirs.fileno(), mark.descriptor)
    command = [*entering(HOST), *map(str, passed), str(memory_bytes), *task]
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    inherited |= function_variables(os.environ)
    try:
        process = SpawnedProcess.start(
            command,
            output=output,
            env={**inherited, "TMPDIR": tempfile.gettempdir(), **PYTHON},
            pass_fds=passed,
            cwd=source,
        )
    except BaseException:
        ours.close()
        mark.close()
        raise
    finally:
        theirs.close()
    return Launched(process, ours, mark)
