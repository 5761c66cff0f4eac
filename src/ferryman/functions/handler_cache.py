"""A cache of an app's handlers and Python files, valid while its folder does not change.

A look-up takes longer than a brief function. A folder's own time changes with every file that
comes, goes or is replaced, so it is enough to check the folders that were read and the files that
were found. File times are too coarse to tell two quick changes apart, so a folder that changed
within the last seconds is not cached.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from ferryman.clock import wall_now
from ferryman.functions.bundle import Stamps
from ferryman.functions.source import handler_file, in_python, python_files

_SETTLED_SECONDS = 3
"""Longer than the resolution of times in any file system."""

_MOST = 2_000

_FolderState = tuple[str, int, int, int]
"""Its path, device, inode and time of change."""


@dataclass(frozen=True, slots=True)
class FoundHandler:
    """A function in a file below the ``root`` of an app; ``files`` are all its Python files.

    For JavaScript ``files`` is empty, since its bundle has stamps of its own.
    """

    root: Path
    file: Path
    function: str
    files: Stamps


class HandlerCache:
    """Looks handlers up, and caches those in folders that have not changed for a while."""

    def __init__(self) -> None:
        self._known: dict[tuple[Path, str], tuple[FoundHandler, tuple[_FolderState, ...]]] = {}

    def find(self, source: Path, name: str) -> FoundHandler:
        """Return the handler of a name in a folder; raises as :func:`handler_file` does."""
        key = source, name
        if known := self._known.get(key):
            if all(_state(folder[0]) == folder for folder in known[1]) and _unchanged(known[0]):
                return known[0]
            del self._known[key]
        settled = (wall_now().timestamp() - _SETTLED_SECONDS) * 1e9
        handler, folders = _look_up(source, name)
        states = [_state(folder) for folder in folders]
        kept = tuple(state for state in states if state is not None and state[3] < settled)
        if kept and len(kept) == len(states):
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[key] = handler, kept
        return handler


def _look_up(source: Path, name: str) -> tuple[FoundHandler, list[str]]:
    """Return a handler and the folders that say whether it is still so; none if they cannot."""
    root = source.resolve()
    own = root / "src"
    file, function = handler_file(root, name)
    folders = [str(root)]
    files: Stamps = python_files(root, folders) if in_python(file) else frozenset()
    folders += [str(folder) for folder in (source, own) if folder.exists()]
    # Elsewhere, or behind a link, more folders than these have a say.
    direct = file.parent in (root, own) and not own.is_symlink()
    return FoundHandler(root, file, function, files), list(dict.fromkeys(folders)) if direct else []


def _state(folder: str) -> _FolderState | None:
    try:
        found = os.stat(folder)  # noqa: PTH116 - before every call
    except OSError:
        return None
    return folder, found.st_dev, found.st_ino, found.st_mtime_ns


def _unchanged(handler: FoundHandler) -> bool:
    try:
        for path, changed, size in handler.files:
            found = os.stat(path)  # noqa: PTH116 - before every call
            if found.st_mtime_ns != changed or found.st_size != size:
                return False
    except OSError:
        return False
    return True
