"""Provide a folder for a command's platform, and remove those that killed commands left."""

import atexit
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_GRACE_SECONDS = 20.0


@contextmanager
def work_folder(prefix: str) -> Iterator[Path]:
    """Yield an empty folder, removed afterwards; first remove those that killed commands left.

    It stays locked while this process lives, so a folder without a lock is unused.
    """
    from ferryman.functions.temp_dirs import unlocked

    for folder in unlocked(prefix):
        _clear(folder)
    draft = Path(tempfile.mkdtemp(prefix=f".{prefix}"))
    lock = os.open(draft, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # It gets its name once it is locked, so that nobody mistakes it for an abandoned one.
        folder = draft.rename(draft.with_name(draft.name.removeprefix("."))).resolve()
        # Runs last: the embedded server's library writes there when the process ends.
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)


def _clear(folder: Path) -> None:
    """End what runs in a folder without a lock, and remove it."""
    from ferryman.devtools.processes import end_noted

    for note in folder.glob("processes/*.pid"):
        end_noted(note)
    for database in folder.glob("*/postgres"):
        end_database(database, _GRACE_SECONDS)
    shutil.rmtree(folder, ignore_errors=True)


def end_database(folder: Path, grace: float) -> None:
    """End the embedded database in ``folder``, which outlives a killed platform."""
    import psutil

    from ferryman.devtools.processes import end

    try:
        first = (folder / "postmaster.pid").read_text().splitlines()[0]
        process = psutil.Process(int(first))
        if "postgres" in process.name():
            end(process, grace)
    except (OSError, ValueError, IndexError, psutil.NoSuchProcess):
        pass
