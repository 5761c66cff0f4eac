"""Folders of hosts that are no more: a killed warden cannot remove its own."""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from ferryman.functions.host import HOME_PREFIX


def remove_left_behind() -> int:
    """Remove the folders of our user that no warden or host holds locked; how many."""
    removed = 0
    for folder in Path(tempfile.gettempdir()).glob(f"{HOME_PREFIX}*"):
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            if os.fstat(descriptor).st_uid != os.geteuid():
                continue
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
        except OSError:
            continue
        finally:
            os.close(descriptor)
    return removed
