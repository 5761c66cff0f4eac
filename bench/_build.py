"""Build an earlier commit as a peer: a worktree, and a venv with its own pins.

Both are kept in a folder of the temporary directory (BUILDS names another), since making them takes
minutes.
"""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.report import MissingError

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Build:
    """A build that can be run; the one of this folder is ``CURRENT``."""

    folder: Path
    python: str

    def command(self, module: str, *arguments: str) -> list[str]:
        """Return the command that runs a module of the build; run it in ``folder``."""
        return [self.python, "-m", module, *arguments]


CURRENT = Build(ROOT, sys.executable)


@cache
def build(commit: str) -> Build:
    """Return the build of a commit, made first if it is not there."""
    kept = Path(os.environ.get("BUILDS", Path(tempfile.gettempdir()) / "ferryman-bench-builds"))
    folder = kept / commit
    if not (folder / "Makefile").is_file():
        _run(["git", "-C", str(ROOT), "worktree", "prune"])
        _run(["git", "-C", str(ROOT), "worktree", "add", "--detach", str(folder), commit])
    _run(["make", "-C", str(folder), "setup", f"PYTHON={sys.executable}"])
    return Build(folder, str(folder / ".venv" / "bin" / "python"))


def _run(command: list[str]) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        tail = done.stdout.decode(errors="replace")[-2000:]
        raise MissingError(f"the build to compare with could not be made: {tail}")
