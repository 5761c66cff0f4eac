"""The platform is a group for the processor, and its functions are members of it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ferryman.processor_group import own_group
from tests.kit.cgroup import needs_processor_groups, processor_group_of
from tests.kit.platform import wait_until

STARTER = """
import json, os, subprocess, sys
from pathlib import Path
from ferryman.processor_group import own_group
from tests.kit.cgroup import processor_group_of

def where(pid):
    return str(processor_group_of(pid))

outside = where(os.getpid())
seen = Path("/proc/self")
if "after one of its number" in sys.argv:
    os.mkdir(f"{outside}/ferryman-platform-{os.getpid()}")
if "mounted twice" in sys.argv:
    seen = Path(sys.argv[-1])
    seen.joinpath("cgroup").write_text(Path("/proc/self/cgroup").read_text())
    seen.joinpath("mountinfo").write_text(2 * Path("/proc/self/mountinfo").read_text())
with own_group(seen):
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    with own_group():
        found = [outside, where(os.getpid()), where(child.pid)]
    print(json.dumps(found), flush=True)
    if "with a function" in sys.argv:
        os.mkdir(found[1] + "/of-a-function")
    sys.stdin.read()
    child.communicate()
print(where(os.getpid()))
"""


def start(*words: str) -> tuple["subprocess.Popen[str]", Path, list[str]]:
    """Start it; return the group outside and those inside of its block."""
    command = [sys.executable, "-c", STARTER, *words]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )
    assert process.stdout is not None
    outside, *inside = json.loads(process.stdout.readline())
    return process, Path(outside), inside


@needs_processor_groups
@pytest.mark.parametrize("how", ["", "after one of its number", "mounted twice", "with a function"])
def test_it_and_what_it_starts_are_one_group_which_ends_with_it(how: str, tmp_path: Path) -> None:
    process, outside, inside = start(how, str(tmp_path))
    group = outside / f"ferryman-platform-{process.pid}"
    assert inside == [str(group)] * 2
    left, _ = process.communicate("")
    assert left.strip() == str(outside)
    assert not group.exists()


@needs_processor_groups
def test_the_next_removes_the_group_of_one_that_was_killed() -> None:
    process, outside, _ = start("with a function")
    group = outside / f"ferryman-platform-{process.pid}"
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    wait_until(lambda: not (group / "cgroup.procs").read_text())  # its child ends by itself
    another, _, _ = start()
    assert not group.exists()
    another.communicate("")


def test_nothing_changes_where_no_group_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "cgroup").write_text("1:cpu,cpuacct:/\n")
    (tmp_path / "mountinfo").write_text(f"29 23 0:26 / {tmp_path}/none rw - cgroup cgroup rw,cpu\n")
    before = processor_group_of(os.getpid())
    with own_group(tmp_path):
        assert processor_group_of(os.getpid()) == before
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("kind", ["cgroup2", "cgroup"])
def test_only_a_controller_of_version_1_counts(tmp_path: Path, kind: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "cgroup").write_text("0::/\n")
    (tmp_path / "mountinfo").write_text(f"29 23 0:26 / {root} rw - {kind} {kind} rw\n")
    with own_group(tmp_path):
        assert list(root.iterdir()) == []
