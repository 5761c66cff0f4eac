"""Find the packages of a workspace that an app's bundle may be made of (ADR 120).

npm, Yarn and pnpm keep a workspace's packages once, and link to them from ``node_modules``. Such a
link counts only if the workspace's root, which is above the app's folder and so not the app's word,
names both the app and the package; and never if it leads to another app.
"""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_MODULES = "node_modules"
_APPS = ("manifest.yml", "manifest.yaml", "manifest.json", "atlassian-connect.json")
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
        path = folder.relative_to(self.root).as_posix()
        chosen = [each for each in self.patterns if not each.startswith("!")]
        left_out = [each[1:] for each in self.patterns if each.startswith("!")]
        return _matches(chosen, path) and not _matches(left_out, path)


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
    """Return the folders outside ``source`` that its bundle may be made of.

    They are what is installed at the workspace's root, and the packages that are linked to.
    """
    source = source.resolve()
    workspace = workspace_of(source)
    if workspace is None:
        return ()
    installed = workspace.root / _MODULES
    found: dict[Path, None] = {}
    if installed.is_dir() and not installed.is_symlink():
        found[installed] = None
    left = [source, workspace.root]
    while left:
        for link in _links(left.pop() / _MODULES):
            target = link.resolve()
            if target in found or refused(link, source, workspace) is not None:
                continue
            if os.access(target, os.R_OK | os.X_OK) and not target.is_relative_to(source):
                found[target] = None
                left.append(target)
    return tuple(found)


def refused(link: Path, source: Path, workspace: Workspace | None) -> str | None:
    """Return why the bundle of ``source`` may not be made of what a link leads to; None if it may.

    What lies within the source needs no leave.
    """
    target = link.resolve()
    if target.is_relative_to(source):
        return None
    if workspace is None:
        return "which is outside the app's folder, and no workspace above names the app"
    if not workspace.has(target) or source.is_relative_to(target):
        return f"which is no other package of the workspace {workspace.root}"
    for folder in (target, *target.parents):
        if folder == workspace.root:
            break
        if any((folder / name).exists() for name in _APPS):
            return "which is the folder of another app"
    return None if (target / "package.json").is_file() else "which has no package.json"


def why_missing(source: Path, module: str) -> str | None:
    """Return the link by which ``module`` would be found and why it counts for nothing, if so."""
    source = source.resolve()
    name = "/".join(module.split("/")[: 2 if module.startswith("@") else 1])
    workspace = workspace_of(source)
    for folder in (source, *(() if workspace is None else (workspace.root,))):
        link = folder / _MODULES / name
        if link.is_symlink() and link.exists() and (reason := refused(link, source, workspace)):
            return f"{_MODULES}/{name} links to {link.readlink()}, {reason}"
    return None


def _patterns(folder: Path) -> Iterator[str]:
    """Yield the patterns of a workspace's members, of all package managers."""
    package = _document(folder / "package.json", json.loads)
    pnpm = _document(folder / "pnpm-workspace.yaml", yaml.safe_load)
    workspaces = package.get("workspaces") if isinstance(package, dict) else None
    listed = workspaces.get("packages") if isinstance(workspaces, dict) else workspaces
    of_pnpm = pnpm.get("packages") if isinstance(pnpm, dict) else None
    for each in (listed, of_pnpm):
        for pattern in each if isinstance(each, list) else ():
            if isinstance(pattern, str):
                negated = "!" if pattern.startswith("!") else ""
                yield negated + pattern.removeprefix("!").removeprefix("./").strip("/")


def _document(file: Path, read: Any) -> Any:
    try:
        if not file.is_file() or file.stat().st_size > _MOST_BYTES:
            return None
        return read(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return None


def _matches(patterns: list[str], path: str) -> bool:
    return any(re.fullmatch(_expression(each), path) for each in patterns)


def _expression(pattern: str) -> str:
    """Return a pattern as a regular expression: ``*`` is part of a name, ``**`` any folders."""
    parts = re.split(r"(\*\*/|/\*\*$|\*\*|\*|\?)", pattern)
    meanings = {"**/": "(?:[^/]+/)*", "/**": "(?:/[^/]+)+", "**": ".+", "*": "[^/]*", "?": "[^/]"}
    return "".join(meanings.get(part, re.escape(part)) for part in parts)


def _links(folder: Path) -> Iterator[Path]:
    """Yield the links in a folder of packages, those of scopes included."""
    left = _MOST_LINKS
    for place in (folder, *(each for each in _entries(folder) if each.name.startswith("@"))):
        for entry in _entries(place):
            if entry.is_symlink() and left > 0:
                left -= 1
                yield entry


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
