"""A copy of an app's folder for it to work in, as it was at the beginning of every run."""

import shutil
from collections.abc import Iterator
from pathlib import Path

_LINKED = {"node_modules", ".venv"}
"""Large, and nothing that a handler writes into."""

_LEFT_OUT = {".git", ".ferryman", "__pycache__"}


def restore(source: Path, work: Path) -> None:
    """Make ``work`` what ``source`` is: what a run wrote goes, what it changed comes back.

    Times are kept, so what was compiled from an unchanged file stays good.
    """
    work.mkdir(parents=True, exist_ok=True)
    wanted = {entry.name: entry for entry in _entries(source)}
    for entry in work.iterdir():
        if entry.name not in wanted or _unlike(entry, wanted[entry.name]):
            _remove(entry)
    for name, entry in wanted.items():
        target = work / name
        if entry.is_dir() and not entry.is_symlink() and name not in _LINKED:
            restore(entry, target)
        elif name in _LINKED:
            if not target.is_symlink():
                target.symlink_to(entry.resolve(), target_is_directory=True)
        elif entry.is_file() and not _same(entry, target):
            shutil.copy2(entry, target)


def _entries(folder: Path) -> Iterator[Path]:
    return (entry for entry in folder.iterdir() if entry.name not in _LEFT_OUT)


def _unlike(entry: Path, wanted: Path) -> bool:
    linked = wanted.name in _LINKED
    return entry.is_symlink() != linked or entry.is_dir() != wanted.is_dir()


def _same(entry: Path, target: Path) -> bool:
    try:
        one, other = entry.stat(), target.stat()
    except OSError:
        return False
    return (one.st_mtime_ns, one.st_size) == (other.st_mtime_ns, other.st_size)


def _remove(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
    else:
        entry.unlink()
