"""Limit functions by process, by user and, if one can be made, by control group."""

import errno
import os
import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

PROCESSES = 64
"""Of one function, threads included."""
_CPU_SECONDS = 3600
"""Of one process. A call is bounded by its time limit; a warm process adds up over many calls."""
_OPEN_FILES = 1024
_PREFIX = "ferryman-"


def resource_limits(scratch_bytes: int) -> dict[str, int]:
    """Return the limits of each process, by the ends of their names in ``resource``."""
    return {
        "NPROC": PROCESSES,
        "FSIZE": scratch_bytes,
        "CPU": _CPU_SECONDS,
        "NOFILE": _OPEN_FILES,
        "CORE": 0,
        "MEMLOCK": 1 << 16,
        "MSGQUEUE": 0,
        "RTPRIO": 0,
        "NICE": 0,
    }


@dataclass(slots=True)
class UserId:
    """A user id that no other sandbox of this machine uses; close it with the sandbox."""

    number: int
    _lock: socket.socket | None = None

    def close(self) -> None:
        """Give the id back."""
        if self._lock is not None:
            self._lock.close()


def take_user_id(first: int, count: int = 1000) -> UserId:
    """Return a free user id, locked by a socket's name, which the kernel frees if we are killed.

    Raises ``OSError`` if all ``count`` of them are taken.
    """
    for number in range(first, first + count):
        lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            lock.bind(f"\0ferryman-function-{number}")
        except OSError:
            lock.close()
        else:
            return UserId(number, lock)
    raise OSError(errno.EAGAIN, f"no user id is free from {first} to {first + count - 1}")


def taken_elsewhere(first: int, count: int = 1000) -> str | None:
    """Return the line of the system's tables that has some of these user ids; None if none has."""
    for file, sized in (("/etc/passwd", False), ("/etc/subuid", True)):
        with suppress(OSError):
            for line in Path(file).read_text(errors="replace").splitlines():
                fields = line.split(":")
                numbers = fields[1:3] if sized else fields[2:3]
                if numbers and all(number.isdecimal() for number in numbers):
                    begin, size = int(numbers[0]), int(numbers[1]) if sized else 1
                    if begin < first + count and first < begin + size:
                        return f"{file}: {fields[0]} has {begin}"
    return None


@dataclass(frozen=True, slots=True)
class Cgroup:
    """Folders of one sandbox in the hierarchies for processes and memory."""

    folders: tuple[Path, ...] = field(default=())

    def joining(self, command: list[str]) -> list[str]:
        """Return ``command``, started as a member of the group."""
        if not self.folders:
            return command
        script = 'for d in $0; do echo 0 > "$d/cgroup.procs" || exit 97; done; exec "$@"'
        return ["/bin/sh", "-c", script, " ".join(map(str, self.folders)), *command]

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


def new_cgroup(parents: Iterable[Path], memory_bytes: int) -> Cgroup:
    """Create a group below each of ``parents``; raise ``OSError`` if that fails."""
    folders = tuple(parent / f"{_PREFIX}{os.getpid()}-{uuid4().hex[:12]}" for parent in parents)
    limits = {
        "pids.max": PROCESSES + 8,
        "memory.limit_in_bytes": memory_bytes,
        "memory.memsw.limit_in_bytes": memory_bytes,
    }
    for folder in folders:
        folder.mkdir()
        for name, value in limits.items():
            if (folder / name).exists():
                (folder / name).write_text(str(value))
    return Cgroup(folders)


def own_cgroups() -> tuple[Path, ...]:
    """Return our own folders in the hierarchies (version 1) where groups can be made; maybe none.

    Version 2 wants a worker to leave its own group first, which is its operator's to arrange.
    """
    groups = {}
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, group = line.split(":", 2)
            groups.update(dict.fromkeys(controllers.split(","), group))
    cgroups: list[Path] = []
    for controller in ("pids", "memory"):
        for root, mount in _mounts(controller):
            group = groups.get(controller, "").removeprefix(root.rstrip("/"))
            folder = Path(mount, group.lstrip("/"))
            if controller in groups and _can_make(folder):
                _remove_left_behind(folder)
                cgroups.append(folder)
    return tuple(cgroups)


def _mounts(controller: str) -> Iterable[tuple[str, str]]:
    with suppress(OSError):
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            left, _, right = line.partition(" - ")
            kind, _, options = right.split(" ", 2)
            if kind == "cgroup" and controller in options.split(","):
                yield left.split(" ")[3], left.split(" ")[4]


def _can_make(parent: Path) -> bool:
    try:
        group = new_cgroup([parent], 1 << 30)
    except OSError:
        return False
    group.remove()
    return True


def _remove_left_behind(parent: Path) -> None:
    """Remove the folders of workers that have been killed."""
    for folder in parent.glob(f"{_PREFIX}*"):
        worker = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if not Path("/proc", worker).exists():
            with suppress(OSError):
                folder.rmdir()
