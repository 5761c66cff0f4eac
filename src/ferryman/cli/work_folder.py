"""A folder for the platform of one command, and what commands that were killed left of theirs."""

import atexit
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ferryman.cli.dev_folder import end_database

_GRACE_SECONDS = 20.0


@contextmanager
def work_folder(prefix: str) -> Iterator[Path]:
    """An empty folder, gone afterwards; those of that prefix whose command was killed go first.

    It is locked for as long as this process lives, so that one without a lock has nobody.
    """
    from ferryman.functions.homes import unlocked

    for folder in unlocked(prefix):
        _clear(folder)
    draft = Path(tempfile.mkdtemp(prefix=f".{prefix}"))
    lock = os.open(draft, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # It gets its name when it is locked, so that nobody takes it for a left one before.
        folder = draft.rename(draft.with_name(draft.name.removeprefix("."))).resolve()
        # The last of all: the embedded server's library writes there when the process ends.
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)


def _clear(folder: Path) -> None:
    """End what runs in a folder without a lock, and remove it."""
    from ferryman.cli.children import end_noted

    for note in folder.glob("processes/*.pid"):
        end_noted(note)
    for database in folder.glob("*/postgres"):
        end_database(database, _GRACE_SECONDS)
    shutil.rmtree(folder, ignore_errors=True)
