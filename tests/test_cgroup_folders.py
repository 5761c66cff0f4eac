"""The folder of a process's control group, as seen below a mount."""

from pathlib import Path

import pytest

from ferryman.cgroup_folders import folders


@pytest.mark.parametrize(
    ("root", "group", "below"),
    [
        ("/", "/service/main", "service/main"),
        ("/container", "/container", "."),
        ("/container", "/container/main", "main"),
        # Mounts that show other groups than ours.
        ("/container", "/container-2", None),
        ("/container", "/", None),
        # From outside of our namespace.
        ("/..", "/", None),
        ("/", "/../neighbour", None),
    ],
)
def test_only_a_mount_that_shows_the_group(
    tmp_path: Path, root: str, group: str, below: str | None
) -> None:
    (tmp_path / "cgroup").write_text(f"3:cpu,cpuacct:{group}\n")
    (tmp_path / "mountinfo").write_text(
        f"29 23 0:26 {root} /mounted rw - cgroup cgroup rw,cpu,cpuacct\n"
    )
    found = [*folders(tmp_path, "cgroup", "cpu")]
    assert found == ([] if below is None else [Path("/mounted", below)])
