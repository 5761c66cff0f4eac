"""Find out which files the functions of an app are built from, wherever they are."""

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from ferryman.devtools.definition import read_manifest
from ferryman.devtools.doctor.load_app import MANIFESTS
from ferryman.errors import PlatformError
from ferryman.functions.bundle import Stamps, bundle, stamps
from ferryman.functions.manifest import parse_manifest
from ferryman.functions.source import handler_file, in_python

_INSTALLED = (".package-lock.json", ".yarn-integrity", ".yarn-state.yml", ".modules.yaml")
_NAMED = re.compile(r"^ *([^\s:][^:\n]*):\d+:\d+:", re.MULTILINE)


def handler_files(folder: Path) -> tuple[Path, ...]:
    """Return the files of the handlers in ``folder``, as far as they can be found."""
    files: dict[Path, None] = {}
    try:
        name = next(name for name in MANIFESTS if (folder / name).is_file())
        for function in parse_manifest(read_manifest(folder / name)).functions:
            files[handler_file(folder, function.handler)[0]] = None
    except (PlatformError, StopIteration):
        pass  # whatever is wrong with it is shown when the app is registered
    return tuple(files)


def written_by_installs(folder: Path) -> Iterator[Path]:
    """Yield the files that npm, Yarn and pnpm write when all packages are there.

    A workspace keeps them in a folder above.
    """
    for place in (folder, *folder.parents):
        for name in _INSTALLED:
            yield place / "node_modules" / name


def built_from(folder: Path, before: Collection[str]) -> Stamps:
    """Return the stamps of all files that the JavaScript functions in ``folder`` are built from.

    Of one that can't be built, those that the compiler names, and those from ``before``.
    """
    source, found = folder.resolve(), set[tuple[str, int, int]]()
    for file in handler_files(folder):
        if in_python(file):
            continue
        try:
            found |= bundle(source, file).stamps
        except PlatformError as refused:
            named = (str((source / name).resolve()) for name in _NAMED.findall(refused.found))
            found |= stamps({*before, *named})
    return frozenset(found)
