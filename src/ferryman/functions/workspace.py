"""Find the packages of a workspace that an app's bundle may be made of (ADR 120).

npm, Yarn and pnpm keep a workspace's packages once, and link to them from ``node_modules``. Such a
link counts only if the workspace's root, which is above the app's folder and so not the app's word,
names both the app and the package; and never if it leads to another app.
"""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from ferryman.functions.yaml_reader import Loader

_MODULES = "node_modules"
_SURE = frozenset(("manifest.yml", "manifest.yaml", "atlassian-connect.json"))
_APPS = _SURE | {"manifest.json", "descriptor.json"}
"""Files that make a folder an app; those that are not sure are the names of other things too."""
_MOST_BYTES = 1 << 20
_MOST_LINKS = 5_000


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folder ``root`` of a workspace, and the patterns of its members."""

    root: Path
    patterns: tuple[str, ...]

    def has(self, folder: Path) -> bool:
        """Return whether a folder, without links in its path, is one of the members."""
        if not folder.is_relative_to(self.root) or folder == self.root:
            return False
        names = folder.relative_to(self.root).parts
        chosen = [each for each in self.patterns if not each.startswith("!")]
        left_out = [each[1:] for each in self.patterns if each.startswith("!")]
        return _any_matches(chosen, names) and not _any_matches(left_out, names)

    @property
    def installed(self) -> Path | None:
        """Return the folder of packages installed for all members, unless it is a link."""
        folder = self.root / _MODULES
        return folder if folder.is_dir() and not folder.is_symlink() else None

    def installs(self, folder: Path) -> bool:
        """Return whether a folder lies in that one, as packages do in pnpm's."""
        installed = self.installed
        return installed is not None and folder.is_relative_to(installed)


def workspace_of(source: Path) -> Workspace | None:
    """Return the workspace that has the app's folder ``source`` as a member, if there is one."""
    for folder in source.parents:
        if folder == folder.parent:
            return None  # the root of the file system is no workspace
        found = Workspace(folder, tuple(_patterns(folder)))
        if found.has(source):
            return found
    return None


def readable(source: Path) -> tuple[Path, ...]:
    """Return the folders outside ``source`` from which its bundle may be made.

    They are the packages installed at the workspace's root, and those that the members link to.
    """
    source = source.resolve()
    workspace = workspace_of(source)
    if workspace is None:
        return ()
    found: dict[Path, None] = {}
    if workspace.installed is not None:
        found[workspace.installed] = None
    left = [source, workspace.root]
    while left:
        for link in _links(left.pop() / _MODULES):
            target = _target(link)
            if target is None or target in found or target.is_relative_to(source):
                continue
            if workspace.installs(target) or refused(link, source, workspace) is not None:
                continue
            if os.access(target, os.R_OK | os.X_OK):
                found[target] = None
                left.append(target)
    return tuple(found)


def apps_within(source: Path, packages: Iterable[Path]) -> Iterator[Path]:
    """Yield the folders of apps that lie in ``packages``, which :func:`readable` returned."""
    workspace = workspace_of(source.resolve())
    for package in packages:
        if workspace is None or package == workspace.installed:
            continue
        for place, folders, names in os.walk(package):
            folder = Path(place)
            folders[:] = [each for each in folders if each != _MODULES]
            if folder == package or not _APPS.intersection(names):
                continue
            # A build or a web page may have such a file too, and is no member.
            if _SURE.intersection(names) or workspace.has(folder):
                folders.clear()
                yield folder


def refused(link: Path, source: Path, workspace: Workspace | None) -> str | None:
    """Return why a bundle of ``source`` may not use the target of a link; None if it may.

    Targets within the source are always allowed.
    """
    target = _target(link)
    if target is None:
        return "which leads back to itself"
    if target.is_relative_to(source) or (workspace is not None and workspace.installs(target)):
        return None
    if workspace is None:
        return "which is outside the app's folder, and no workspace above names the app"
    if not workspace.has(target) or source.is_relative_to(target):
        return f"which is no other package of the workspace {workspace.root}"
    # ``os.path`` counts what may not be looked at as missing.
    for folder in (target, *target.parents):
        if folder == workspace.root:
            break
        if any(os.path.lexists(folder / name) for name in _APPS):
            return "which is the folder of another app"
    return None if os.path.isfile(target / "package.json") else "which has no package.json"  # noqa: PTH113 - see above


def why_missing(source: Path, module: str) -> str | None:
    """Return the link that ``module`` would resolve to, and why it is not used, if it is not."""
    source = source.resolve()
    name = "/".join(module.split("/")[: 2 if module.startswith("@") else 1])
    workspace = workspace_of(source)
    for folder in (source, *(() if workspace is None else (workspace.root,))):
        link = folder / _MODULES / name
        # Not through another link: where those elsewhere lead is nothing for the app to learn.
        if not os.path.islink(link) or _target(link.parent) != link.parent:  # noqa: PTH114 - of any length
            continue
        if os.path.exists(link) and (reason := refused(link, source, workspace)):  # noqa: PTH110 - never raises
            return f"{_MODULES}/{name} links to {link.readlink()}, {reason}"
    return None


def _target(link: Path) -> Path | None:
    """Return where a link leads in the end; None if that is back to itself, or not to be seen."""
    try:
        return link.resolve()
    except (OSError, RuntimeError):  # the latter for a loop, before Python 3.13
        return None


def _patterns(folder: Path) -> Iterator[str]:
    """Yield the patterns of a workspace's members, of all package managers."""
    package = _document(folder / "package.json", json.loads)
    pnpm = _document(folder / "pnpm-workspace.yaml", _read_yaml)
    workspaces = package.get("workspaces") if isinstance(package, dict) else None
    listed = workspaces.get("packages") if isinstance(workspaces, dict) else workspaces
    of_pnpm = pnpm.get("packages") if isinstance(pnpm, dict) else None
    for each in (listed, of_pnpm):
        for pattern in each if isinstance(each, list) else ():
            if isinstance(pattern, str):
                negated = "!" if pattern.startswith("!") else ""
                yield negated + pattern.removeprefix("!").removeprefix("./").strip("/")


def _read_yaml(text: str) -> Any:
    return yaml.load(text, Loader)  # noqa: S506 - a safe one


def _document(file: Path, read: Any) -> Any:
    try:
        if not file.is_file() or file.stat().st_size > _MOST_BYTES:
            return None
        return read(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return None


def _any_matches(patterns: list[str], names: tuple[str, ...]) -> bool:
    return any(_matches(each.split("/"), names) for each in patterns)


def _matches(parts: list[str], names: tuple[str, ...]) -> bool:
    """Return whether a pattern fits a path: ``**`` is any folders, ``*`` part of a name.

    The number of steps is bounded by the product of both lengths, for every pattern.
    """
    reached = {0}  # how many names the parts so far may stand for
    for number, part in enumerate(parts):
        if not reached:
            return False
        if part == "**":
            # The last stands for one folder at least: what lies below.
            reached = {*range(min(reached) + (number == len(parts) - 1), len(names) + 1)}
        else:
            reached = {n + 1 for n in reached if n < len(names) and fnmatchcase(names[n], part)}
    return len(names) in reached


def _links(folder: Path) -> Iterator[Path]:
    """Yield the links in a folder of packages, those of scopes included.

    None if the folder is a link itself: what it leads to is somebody else's.
    """
    left = _MOST_LINKS
    for place in (folder, *(each for each in _entries(folder) if each.name.startswith("@"))):
        if place.is_symlink():
            continue
        for entry in _entries(place):
            if entry.is_symlink() and left > 0:
                left -= 1
                yield entry


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
