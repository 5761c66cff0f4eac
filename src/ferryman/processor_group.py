"""Have the kernel share the processor among the platform's processes and each function.

Outside of any control group for the processor, Linux divides it among sessions first
(``sched_autogroup_enabled``). There each function, which has a session of its own, gets as much as
the whole platform: its API processes, its worker and its database. In a control group of the
platform's own, each function gets as much as one of these (ADR 135).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ferryman.cgroup_folders import OURS, folders, left_behind

_PREFIX = "ferryman-platform-"


@contextmanager
def own_group(process: Path = OURS) -> Iterator[None]:
    """Run the block in a group of its own for the processor, with all that it starts.

    Nothing changes in a group of the platform already, or where this process may make none. Only
    version 1 lets a process leave a group that has functions below it, so version 2 is left as it
    is: a service of systemd is a group for the processor there.
    """
    group = _entered_one(process)
    us = os.getpid()
    try:
        yield
    finally:
        if group is not None and us == os.getpid():  # forks end here, too
            with suppress(OSError):
                (group.parent / "cgroup.procs").write_text("0")
            _remove(group)


def _entered_one(process: Path) -> Path | None:
    for own in folders(process, "cgroup", "cpu"):
        if own.name.startswith(_PREFIX):
            return None
        for group in left_behind(own, _PREFIX):
            _remove(group)
        if entered := _entered(own):
            return entered
    return None


def _entered(own: Path) -> Path | None:
    group = own / f"{_PREFIX}{os.getpid()}"
    try:
        group.mkdir(exist_ok=True)  # one that was killed had our process id
        (group / "cgroup.procs").write_text("0")
    except OSError:
        with suppress(OSError):
            group.rmdir()
        return None
    return group


def _remove(group: Path) -> None:
    """Remove a group with those of its functions; one in which a process still is remains."""
    for folder in (*group.glob("*/"), group):
        with suppress(OSError):
            folder.rmdir()
