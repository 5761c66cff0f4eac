"""Control groups for the processor, where this machine has those of version 1."""

import os
from pathlib import Path

import pytest

from ferryman.cgroup_folders import OURS, folders


def processor_group_of(pid: int) -> Path | None:
    """Return the folder of the group that a process is in; None where there are none."""
    return next(folders(Path("/proc", str(pid)), "cgroup", "cpu"), None)


_OWN = next(folders(OURS, "cgroup", "cpu"), None)

needs_processor_groups = pytest.mark.skipif(
    _OWN is None or not os.access(_OWN, os.W_OK),
    reason="no control group for the processor can be made here",
)
