"""The folder of an embedded database after a first start, made once for a test run and copied.

`initdb` takes a second of a processor, and the disk until all of it is written; the schema takes
half as long.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fasteners import InterProcessLock

from ferryman.store.postgres_programs import run_program
from tests.kit.embedded_copy import make


class InitdbOnce:
    """Runs PostgreSQL's programs, but has `initdb` copy a folder that has the schema already.

    For `ferryman restore`, which fills an empty database, the copy has none. Both are made in
    ``folder`` when one is needed first.
    """

    def __init__(self, folder: Path) -> None:
        self._original = folder / "original"
        self._making: Path | None = None

    def __call__(self, command: str, args: Sequence[str], bin_path: Path, **options: Any) -> str:
        if command != "initdb":
            return run_program(command, args, bin_path, **options)
        if self._making is not None:
            said = run_program(command, args, bin_path, **options)
            _copy(args[-1], self._making / "empty")
            return said
        # One process makes it, and all others wait until it has.
        with InterProcessLock(self._original.with_suffix(".lock")):
            if not self._original.exists():
                self._make(self._original.with_suffix(f".{os.getpid()}"))
        _copy(self._original / ("empty" if sys.argv[1:2] == ["restore"] else "postgres"), args[-1])
        return ""

    def _make(self, data_dir: Path) -> None:
        self._making = data_dir
        make(data_dir)
        self._making = None
        # As `initdb` leaves it, a server has not run there.
        for name in ("log", ".handle_pids.json"):
            (data_dir / "postgres" / name).unlink(missing_ok=True)
        with (data_dir / "empty" / "postgresql.conf").open("a") as settings:
            settings.write("fsync = off  # nothing here has to outlive a power cut\n")
        data_dir.rename(self._original)


def _copy(source: str | Path, target: str | Path) -> None:
    subprocess.run(["cp", "-aT", source, target], check=True)
