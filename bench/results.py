"""RESULTS.md: a section for each benchmark, with machine and date; SAVE=1 writes it again."""

import os
import platform
import re
import time
from collections.abc import Sequence
from pathlib import Path

from bench._tiers import QUICK
from bench.report import Figure, as_cells

RESULTS = Path(__file__).with_name("RESULTS.md")
_GIB = 1 << 30
# What makes a run smaller than the benchmark's own size is told beside its figures.
_SHAPING = sorted({"STREAM"}.union(*QUICK.values()))


def save(name: str, figures: Sequence[Figure], path: Path = RESULTS) -> None:
    """Write the section of one benchmark, in place of the one that is there."""
    head, *sections = re.split(r"^(?=## )", path.read_text(), flags=re.MULTILINE)
    kept = {section.split("\n", 1)[0][3:].strip(): section.rstrip() + "\n" for section in sections}
    kept[name] = _section(name, figures)
    path.write_text("\n".join([head.rstrip() + "\n", *(kept[each] for each in sorted(kept))]))


def _section(name: str, figures: Sequence[Figure]) -> str:
    header, *rows = as_cells(figures)
    table = [header, ("---",) * len(header), *rows]
    lines = [f"| {' | '.join(cells)} |" for cells in table]
    return "\n".join([f"## {name}", "", f"{_made()}.", "", *lines, ""])


def _made() -> str:
    shaping = [f"{each}={os.environ[each]}" for each in _SHAPING if each in os.environ]
    return ", ".join([time.strftime("%Y-%m-%d", time.gmtime()), machine(), *shaping])


def machine() -> str:
    """Describe the machine: cores, memory, system, Python."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB
    try:
        system = platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        system = platform.system()
    return f"{os.cpu_count()} cores{_model()}, {memory:.0f} GiB, {system}, \
Python {platform.python_version()}"


def _model() -> str:
    try:
        found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        return ""
    return f" ({found[1]})" if found else ""
