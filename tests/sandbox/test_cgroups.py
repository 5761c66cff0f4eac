"""A function's memory and processes are bounded in sum where the worker may make control groups."""

import os
from pathlib import Path

import pytest

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
    assert (service / "cgroup.subtree_control").read_text() == "+memory +pids"


def test_not_beside_a_service(tree: Path) -> None:
    """There a function would be outside of the limits of the worker's service."""
    (tree / "process" / "cgroup").write_text("0::/system.slice/ferryman.service\n")
    delegate(tree / "cgroup" / "system.slice" / "ferryman.service")
    assert own_cgroups(tree / "process") == Cgroups()


def test_not_without_a_word_of_the_operator(tree: Path) -> None:
    assert own_cgroups(tree / "process") == Cgroups()


def test_the_bound_of_memory_is_said(ground: Ground) -> None:
    found = ground.call()["found"]
    assert ("by cgroup" in found) != ("memory added up, no cgroup" in found)
