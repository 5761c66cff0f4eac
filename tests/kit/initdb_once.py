"""The folder of an embedded database as `initdb` makes it, made once for a test run and copied.

`initdb` takes a second of a processor, and the disk until all of it is written.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ferryman.store.postgres_programs import run_program


class InitdbOnce:
    """Runs PostgreSQL's programs, but copies what the first `initdb` made to ``original``."""

    def __init__(self, original: Path) -> None:
        self._original = original

    def __call__(self, command: str, args: Sequence[str], bin_path: Path, **options: Any) -> str:
        target = Path(args[-1])
        if command == "initdb" and self._original.exists() and _copied(self._original, target):
            return ""
        said = run_program(command, args, bin_path, **options)
        if command == "initdb":
            self._keep(target)
        return said

    def _keep(self, made: Path) -> None:
        copy = self._original.with_name(f"{self._original.name}-{os.getpid()}")
        if _copied(made, copy):
            with (copy / "postgresql.conf").open("a") as settings:
                settings.write("fsync = off  # nothing here has to outlive a power cut\n")
        try:
            copy.rename(self._original)
        except OSError:  # another one was there first
            shutil.rmtree(copy, ignore_errors=True)


def _copied(source: Path, target: Path) -> bool:
    return subprocess.run(["cp", "-aT", source, target], check=False).returncode == 0
