"""Folders of processes that are no more: one that was killed cannot remove its own."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ferryman.functions.host import HOME_PREFIX


def remove_left_behind() -> int:
    """Remove the folders of our user that no warden or host holds locked; how many."""
    removed = 0
    for folder in unlocked(HOME_PREFIX):
        shutil.rmtree(folder, ignore_errors=True)
        removed += 1
    return removed


def unlocked(prefix: str) -> Iterator[Path]:
    """Folders of our user for what passes that nobody holds locked; each locked while it is ours.

    A process locks its own for as long as it lives.
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
