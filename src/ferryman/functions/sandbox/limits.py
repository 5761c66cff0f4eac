"""Limit functions by process and by user; ``cgroups`` has the limits in sum."""

import errno
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROCESSES = 64
"""Of one function, threads included."""
_CPU_SECONDS = 3600
"""Of one process. A call is bounded by its time limit; a warm process adds up over many calls."""
_OPEN_FILES = 1024


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
