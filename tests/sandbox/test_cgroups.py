"""A function's memory and processes are bounded in sum where the worker may make control groups."""

import asyncio
import os
from pathlib import Path

import pytest

from ferryman.functions.processor_share import ProcessorShare
from ferryman.functions.sandbox.cgroups import Cgroups, own_cgroups
from tests.sandbox.conftest import Ground


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A hierarchy of version 2 as systemd lays it out, in a folder, seen from a worker's files."""
    service = tmp_path / "cgroup" / "system.slice" / "ferryman.service"
    (service / "main").mkdir(parents=True)
    process = tmp_path / "process"
    process.mkdir()
    (process / "cgroup").write_text("0::/system.slice/ferryman.service/main\n")
    (process / "mountinfo").write_text(
        f"29 23 0:26 / {tmp_path}/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"
        "30 23 0:27 / /proc rw - proc proc rw\n"
    )
    return tmp_path


def delegate(folder: Path) -> None:
    try:
        os.setxattr(folder, "user.delegate", b"1")
    except OSError:
        pytest.skip("no extended attributes here")


def test_beside_the_worker_in_a_folder_that_is_delegated(tree: Path) -> None:
    service = tree / "cgroup" / "system.slice" / "ferryman.service"
    delegate(service)
    found = own_cgroups(tree / "process")
    assert found == Cgroups((service,), memory=True)
    assert (service / "cgroup.subtree_control").read_text() == "+memory +pids +cpu"
    weight = int((service / "main" / "cpu.weight").read_text())
    assert weight == 800, "a function weighs 100, and as much as one process of the platform"


def test_not_beside_a_service(tree: Path) -> None:
    """There a function would be outside of the limits of the worker's service."""
    (tree / "process" / "cgroup").write_text("0::/system.slice/ferryman.service\n")
    delegate(tree / "cgroup" / "system.slice" / "ferryman.service")
    assert own_cgroups(tree / "process") == Cgroups()


def test_not_without_a_word_of_the_operator(tree: Path) -> None:
    assert own_cgroups(tree / "process") == Cgroups()


@pytest.mark.parametrize(
    ("name", "equal", "slow"), [("cpu.shares", 1024, 256), ("cpu.weight", 100, 25)]
)
def test_a_slow_function_gets_less_of_the_processor(
    tmp_path: Path, name: str, equal: int, slow: int
) -> None:
    group = Cgroups((tmp_path,)).new(1 << 30)
    weight = group.folders[0] / name
    weight.write_text("")
    group.set_slow(slow=True)
    assert int(weight.read_text()) == slow
    weight.write_text("")
    group.set_slow(slow=False)
    assert int(weight.read_text()) == equal
    assert [file.name for file in group.folders[0].iterdir()] == [name]


async def test_a_function_is_an_equal_again_when_its_call_ends() -> None:
    said: list[bool] = []
    slowed = asyncio.Event()

    def note(*, slow: bool) -> None:
        said.append(slow)
        slowed.set()

    share = ProcessorShare(note)
    share.compete(3600)
    share.release()
    assert said == []
    share.compete(0)
    await slowed.wait()
    share.release()
    share.release()
    assert said == [True, False]


def test_the_bound_of_memory_is_said(ground: Ground) -> None:
    found = ground.call()["found"]
    assert ("by cgroup" in found) != ("memory added up, no cgroup" in found)


def test_one_folder_of_a_hierarchy_that_is_mounted_twice(tmp_path: Path) -> None:
    (tmp_path / "cgroup").write_text(Path("/proc/self/cgroup").read_text())
    (tmp_path / "mountinfo").write_text(2 * Path("/proc/self/mountinfo").read_text())
    found = own_cgroups(tmp_path)
    assert len({*found.folders}) == len(found.folders)
    found.new(1 << 30).remove()


def test_the_group_of_a_platform_is_not_of_a_function(tmp_path: Path) -> None:
    """One that was just made is empty, and would be lost."""
    hierarchy = tmp_path / "hierarchy"
    for name in ("ferryman-platform-1", "ferryman-0-left"):
        (hierarchy / name).mkdir(parents=True)
    (tmp_path / "cgroup").write_text("1:cpu:/\n")
    (tmp_path / "mountinfo").write_text(f"29 23 0:26 / {hierarchy} rw - cgroup cgroup rw,cpu\n")
    own_cgroups(tmp_path)
    assert (hierarchy / "ferryman-platform-1").exists()
    assert not (hierarchy / "ferryman-0-left").exists()
