"""Control groups, which bound what all processes of a function use in sum.

In version 1 a group is made below the worker's own, which is the platform's
(``processor_group``). In version 2 a group that has members cannot have groups below it, so it is
made beside the worker's own, in a folder that systemd has delegated: ``Delegate=yes`` with
``DelegateSubgroup=``. Anything else would take functions out of the limits of their service.
Without groups, the first process of a sandbox adds up the memory.

All processes of a function have the part of one in the processor, and less once it runs for long.
"""

import os
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from ferryman.cgroup_folders import OURS, folders, left_behind
from ferryman.functions.sandbox.limits import PROCESSES

_PREFIX = "ferryman-"
_CPU = {"cpu.shares": (1024, 256), "cpu.weight": (100, 25)}
"""The part of the processor in versions 1 and 2 that all processes of a function have in sum: as
much as one process of the platform, and a quarter once it has run for long."""
_OF_PLATFORM = 800
"""The part of the platform in version 2, where all of its processes are one group."""
_DELEGATED = ("user.delegate", "trusted.delegate")
"""Mark of systemd on a folder that its service may arrange."""


@dataclass(frozen=True, slots=True)
class Cgroup:
    """Folders of one sandbox in the hierarchies for processes, memory and the processor."""

    folders: tuple[Path, ...] = field(default=())

    def joining(self, command: list[str]) -> list[str]:
        """Return ``command``, started as a member of the group."""
        if not self.folders:
            return command
        script = 'for d in $0; do echo 0 > "$d/cgroup.procs" || exit 97; done; exec "$@"'
        return ["/bin/sh", "-c", script, " ".join(map(str, self.folders)), *command]

    @property
    def weighs(self) -> bool:
        """Return whether it has a part of the processor."""
        return any((folder / name).exists() for folder in self.folders for name in _CPU)

    def set_slow(self, *, slow: bool) -> None:
        """Give its processes less of the processor than others get, or as much again."""
        for folder in self.folders:
            for name, weights in _CPU.items():
                with suppress(FileNotFoundError):
                    descriptor = os.open(folder / name, os.O_WRONLY)
                    os.write(descriptor, b"%d" % weights[slow])
                    os.close(descriptor)

    def remove(self) -> None:
        """Remove the folders; of one that is busy for another moment, the next removal takes care.

        A folder that a killed worker left is removed by :func:`own_cgroups` of the next one.
        """
        _ENDED.update(self.folders)
        for folder in tuple(_ENDED):
            try:
                folder.rmdir()
            except FileNotFoundError:
                _ENDED.discard(folder)
            except OSError:
                continue
            else:
                _ENDED.discard(folder)


_ENDED: set[Path] = set()
"""Folders of this process that are to be removed."""


@dataclass(frozen=True, slots=True)
class Cgroups:
    """The folders below which groups can be made here, and whether they bound the memory."""

    folders: tuple[Path, ...] = ()
    memory: bool = False

    def new(self, memory_bytes: int) -> Cgroup:
        """Create a group for one sandbox; raise ``OSError`` if that fails."""
        name = f"{_PREFIX}{os.getpid()}-{uuid4().hex[:12]}"
        group = Cgroup(tuple(parent / name for parent in self.folders))
        limits = {
            "pids.max": PROCESSES + 8,
            "memory.limit_in_bytes": memory_bytes,
            "memory.memsw.limit_in_bytes": memory_bytes,
            "memory.max": memory_bytes,
            "memory.swap.max": 0,
        }
        for folder in group.folders:
            folder.mkdir()
            for limit, value in limits.items():
                if (folder / limit).exists():
                    (folder / limit).write_text(str(value))
        group.set_slow(slow=False)
        return group


NONE = Cgroups()


def own_cgroups(process: Path = OURS) -> Cgroups:
    """Return the folders in which this process can make groups; maybe none."""
    # One of each: a hierarchy may be mounted twice, or have several of the controllers.
    firsts = [
        next((each for each in folders(process, "cgroup", name) if _works(Cgroups((each,)))), None)
        for name in ("pids", "memory", "cpu")
    ]
    found = [*dict.fromkeys(filter(None, firsts))]
    if any((folder / "memory.limit_in_bytes").exists() for folder in found):
        return Cgroups(tuple(found), memory=True)
    for own in folders(process, "cgroup2", ""):
        beside = Cgroups((own.parent,), memory=True)
        if _enabled(own.parent) and _works(beside):
            with suppress(OSError):  # a service may keep the processor to itself
                (own / "cpu.weight").write_text(str(_OF_PLATFORM))
            return beside
    return Cgroups(tuple(found))


def _enabled(parent: Path) -> bool:
    """Return whether we may create groups in a folder of version 2, with both limits."""
    control = parent / "cgroup.subtree_control"
    for name in _DELEGATED:
        with suppress(OSError):
            if os.getxattr(parent, name) == b"1":
                try:
                    control.write_text("+memory +pids +cpu")
                except OSError:  # a service may keep the processor to itself
                    control.write_text("+memory +pids")
                return True
    return False


def _works(cgroups: Cgroups) -> bool:
    """Return whether a process can be started in a group of its own."""
    _remove_left_behind(cgroups)
    try:
        group = cgroups.new(1 << 30)
    except OSError:
        return False
    try:
        command = group.joining(["/bin/true"])
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    finally:
        group.remove()
    return done.returncode == 0


def _remove_left_behind(cgroups: Cgroups) -> None:
    """Remove the folders of workers that have been killed."""
    for parent in cgroups.folders:
        for folder in left_behind(parent, _PREFIX):
            with suppress(OSError):
                folder.rmdir()
