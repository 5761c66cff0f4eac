"""Measure CPU and wall-clock seconds of a process that ends, or of one that keeps running."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench._build import CURRENT, Build

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Spent:
    """The seconds that a process printed, and those of CPU that it took, its start included."""

    seconds: float
    cpu: float


def spent(module: str, *arguments: str, given: str = "", build: Build = CURRENT) -> Spent:
    """Run a module of ``bench`` that prints seconds; ``given`` is a line of standard input."""
    return spent_of(build.command(f"bench.{module}", *arguments), given, build)


def spent_of(command: list[str], given: str, build: Build) -> Spent:
    """Run a command in the folder of a build, as ``spent`` does."""
    os.sync()
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=build.folder,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(given + "\n")
        process.stdin.close()
        out = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed, see above")
    return Spent(float(out), used.ru_utime + used.ru_stime)


def cpu_of(pid: int) -> float:
    """CPU seconds of a running process and of those that it started."""
    seconds = 0.0
    for place in _tree(pid):
        try:
            fields = (place / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        # user and system, and those of children that ended
        seconds += sum(map(int, fields[11:15])) / _TICKS
    return seconds


def _tree(pid: int) -> list[Path]:
    place = Path(f"/proc/{pid}")
    found = [place]
    for task in _tasks(place):
        try:
            children = (task / "children").read_text().split()
        except OSError:
            continue
        for child in children:
            found += _tree(int(child))
    return found


def _tasks(place: Path) -> list[Path]:
    try:
        return list((place / "task").iterdir())
    except OSError:
        return []  # it has ended
