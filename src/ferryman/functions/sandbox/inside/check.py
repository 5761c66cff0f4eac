"""Run in a sandbox by the probe: try what must not work, and print what did."""

import ctypes
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

UNSHARE_USER = 0x10000000


def run(event: dict[str, Any], _context: object) -> None:
    """Raise ``AssertionError`` with the names of all checks that failed."""
    checks: dict[str, Callable[[], bool]] = {
        "another first process": own_first_process,
        "capabilities": no_capabilities,
        "another namespace": no_namespace,
        "a network of its own": lambda: no_route(event["elsewhere"]),
        "names": no_name,
        "files written outside the scratch folder": read_only,
        "an unlimited scratch folder": lambda: bounded(event["scratch_bytes"]),
        "hidden folders": lambda: all(not shown(path) for path in event["hidden"]),
        "the platform out of reach": lambda: reached(event["port"]),
    }
    wrong = [name for name, holds in checks.items() if not holds()]
    if wrong:
        raise AssertionError("found " + ", ".join(wrong))


def own_first_process() -> bool:
    others = {entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit()}
    return os.getppid() == 1 and others <= {"1", str(os.getpid())}


def no_capabilities() -> bool:
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    none = all(not int(fields[name], 16) for name in ("CapPrm", "CapEff", "CapInh", "CapAmb"))
    return none and int(fields["NoNewPrivs"]) == 1 and int(fields["Seccomp"]) == 2


def no_namespace() -> bool:
    return bool(ctypes.CDLL(None).unshare(UNSHARE_USER) != 0)


def no_route(address: str) -> bool:
    try:
        socket.create_connection((address, 80), 1).close()
    except OSError:
        return True
    return False


def no_name() -> bool:
    try:
        socket.getaddrinfo("elsewhere.invalid", 80)
    except OSError:
        return True
    return False


def read_only() -> bool:
    for folder in ("/", "/usr", "/dev", "/etc", str(Path.cwd())):
        try:
            os.close(os.open(f"{folder}/ferryman", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except OSError:
            continue
        return False
    return True


def bounded(size: int) -> bool:
    try:
        for number in range(2):
            with Path("/scratch", str(number)).open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, size * 3 // 4)
    except OSError:
        return True
    finally:
        for file_made in Path("/scratch").iterdir():
            file_made.unlink()
    return False


def shown(folder: str) -> bool:
    try:
        return any(Path(folder).iterdir())
    except OSError:
        return False


def reached(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        return connection.recv(1) == b"."
