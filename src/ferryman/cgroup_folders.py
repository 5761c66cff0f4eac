"""Where the control groups of a process are."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

OURS = Path("/proc/self")


def folders(process: Path, kind: str, controller: str) -> Iterator[Path]:
    """Yield the folder of a process in the hierarchy of a controller, below each of its mounts.

    ``kind`` is ``cgroup`` for version 1 and ``cgroup2`` for version 2, whose only hierarchy has an
    empty name.
    """
    with suppress(OSError):
        groups = {}
        for line in (process / "cgroup").read_text().splitlines():
            _, controllers, group = line.split(":", 2)
            groups.update(dict.fromkeys(controllers.split(","), PurePosixPath(group)))
        for line in (process / "mountinfo").read_text().splitlines():
            left, _, right = line.partition(" - ")
            mounted, _, options = right.split(" ", 2)
            here = not controller or controller in options.split(",")
            if mounted == kind and here and controller in groups:
                root, mount = left.split(" ")[3:5]
                own = groups[controller]
                # A mount of other groups does not show ours: ``/..`` is one outside our namespace.
                if own.is_relative_to(root) and ".." not in own.parts:
                    yield Path(mount, own.relative_to(root))


def left_behind(parent: Path, prefix: str) -> Iterator[Path]:
    """Yield the groups whose names go on with the id of a process, where that has ended."""
    for folder in parent.glob(f"{prefix}[0-9]*"):
        process_id = folder.name.removeprefix(prefix).partition("-")[0]
        if not Path("/proc", process_id).exists():
            yield folder
