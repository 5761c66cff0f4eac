"""Remove the folders of dead processes, which could not remove their own when they were killed."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ferryman.functions.enter import HOME_PREFIX


def remove_left_behind() -> int:
    """Remove our user's folders that no supervisor or host keeps locked; return their number."""
    removed = 0
    for folder in unlocked(HOME_PREFIX):
        shutil.rmtree(folder, ignore_errors=True)
        removed += 1
    return removed


def unlocked(prefix: str) -> Iterator[Path]:
    """Yield our user's temporary folders that no process keeps locked, locking each in turn.

    A process keeps its own folder locked while it lives.
    """
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            if os.fstat(descriptor).st_uid != os.geteuid():
                continue
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            continue
        try:
            yield folder
        finally:
            os.close(descriptor)
