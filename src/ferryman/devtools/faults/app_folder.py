"""A copy of an app's folder for the app to work in, restored before every run.

The copy has the same surroundings as the app: modules of a workspace, shared configuration, files
above it that ``ferryman.toml`` names. Those, and other large or foreign files, are links.
"""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_LINKED = {"node_modules", ".venv"}
"""Large folders that no handler writes into."""

_LEFT_OUT = {".git", ".ferryman", "__pycache__"}

_MARKS = (".git", "package.json", "node_modules", "pnpm-workspace.yaml")
"""Marks of a folder that an app in it may depend on."""


def prepare(source: Path, folder: Path) -> Path:
    """Link everything around the app into ``folder``, and return the place for its copy.

    Linked is all that is next to the app, and next to each folder above it up to the top of its
    project.
    """
    top = _top(source)
    here, there = top, folder
    for name in source.relative_to(top).parts:
        there.mkdir(parents=True, exist_ok=True)
        with suppress(PermissionError):  # some may be passed through, and not listed
            for entry in _entries(here):
                if entry.name != name:
                    (there / entry.name).symlink_to(entry)
        here, there = here / name, there / name
    return there


def _top(source: Path) -> Path:
    """Return the highest folder with the mark of a project, and at least the one above the app."""
    top = source.parent
    for folder in source.parents:
        if folder in (folder.parent, Path.home()):
            break
        if any((folder / mark).exists() for mark in _MARKS):
            top = folder
        if (folder / ".git").exists():
            break
    return top


def restore(source: Path, work: Path) -> None:
    """Make ``work`` equal to ``source`` again: delete what a run wrote, undo what it changed.

    Times are kept, so files compiled from unchanged sources stay valid.
    """
    _restore(source, work, (source.resolve(), work))


def _restore(source: Path, work: Path, roots: tuple[Path, Path]) -> None:
    work.mkdir(parents=True, exist_ok=True)
    entries = {entry.name: entry for entry in _entries(source)}
    links = {
        name: link_target for name, entry in entries.items() if (link_target := _link(entry, roots))
    }
    for entry in work.iterdir():
        if entry.name not in entries or _unlike(entry, entries[entry.name], links.get(entry.name)):
            _remove(entry)
    for name, entry in entries.items():
        target = work / name
        if name in links:
            if not target.is_symlink():
                target.symlink_to(links[name], target_is_directory=True)
        elif entry.is_dir():
            _restore(entry, target, roots)
        elif entry.is_file() and not _same(entry, target):
            shutil.copy2(entry, target)


def _link(entry: Path, roots: tuple[Path, Path]) -> Path | None:
    """Return where a link to a folder leads in the copy: for folders of the app, to their copy."""
    if not entry.is_dir() or not (entry.is_symlink() or entry.name in _LINKED):
        return None
    source, work = roots
    target = entry.resolve()
    inside = target.is_relative_to(source) and entry.name not in _LINKED
    return work / target.relative_to(source) if inside else target


def _entries(folder: Path) -> Iterator[Path]:
    return (entry for entry in folder.iterdir() if entry.name not in _LEFT_OUT)


def _unlike(entry: Path, original: Path, link: Path | None) -> bool:
    if link is not None or entry.is_symlink():
        return not entry.is_symlink() or link is None or entry.readlink() != link
    return entry.is_dir() != original.is_dir()


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
