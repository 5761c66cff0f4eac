"""The folder of an app: its manifest file, its handlers, and the variables given to them.

A handler ``index.run`` is a file of Python in the folder or in ``src``, or one of JavaScript or
TypeScript in ``src`` or in the folder, which is the layout of Forge apps.
"""

import ast
import contextlib
import os
from collections import deque
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

import yaml

from ferryman.errors import ConfigError, Invalid
from ferryman.functions.bundle import Stamps, check_export
from ferryman.functions.document import describe, malformed
from ferryman.functions.manifest import Manifest
from ferryman.functions.routes import FunctionRoute, routes
from ferryman.functions.yaml_reader import StrictLoader

_MANIFEST_BYTES = 1 << 20
_PYTHON = (".py",)
_INSTALLED = {"__pycache__", "node_modules", "site-packages"}
_MOST_ENTRIES = 4_000
_MOST_OF_A_FOLDER = 1_000
_JAVASCRIPT = (".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx")


def load_manifest(path: Path) -> dict[str, object]:
    """The document in ``path``, a manifest file or a folder holding ``manifest.yml``.

    It is read as YAML 1.2 and not yet checked: give it to ``parse_manifest``. Raises
    ``ConfigError`` when there is no such file, ``Invalid`` when it is no YAML mapping.
    """
    file = path / "manifest.yml" if path.is_dir() else path
    try:
        with file.open("rb") as stream:
            data = stream.read(_MANIFEST_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            "manifest_unreadable",
            expected=f"a manifest in {file}",
            found=error.strerror or type(error).__name__,
            fix="Name the folder that holds manifest.yml, or the file itself.",
        ) from error
    if len(data) > _MANIFEST_BYTES:
        raise malformed(str(file), "at most 1 MiB", "more")
    try:
        document: object = yaml.load(data, StrictLoader)  # noqa: S506 - a safe one
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # ValueError: numbers of thousands of digits, and bytes that are no text.
        raise malformed(str(file), "YAML", str(error)[:500]) from error
    if not isinstance(document, dict) or not all(isinstance(key, str) for key in document):
        raise malformed(str(file), "a mapping with names as its keys", describe(document))
    return document


def app_variables(manifest: Manifest, environ: Mapping[str, str]) -> dict[str, str]:
    """The declared variables: ``FORGE_USER_VAR_<KEY>`` of ``environ``, else the default."""
    values = {variable.key: variable.value(environ) for variable in manifest.variables}
    return {key: value for key, value in values.items() if value is not None}


def check_source(manifest: Manifest, source: Path) -> None:
    """See that every handler that a migration event goes to is there, without running it.

    Raises ``Invalid`` naming the first that is not, ``ConfigError`` when what it takes to tell
    is not installed. May take seconds: what is in JavaScript is compiled.
    """
    ways = [route for event in manifest.events for route in routes(manifest, event)]
    for handler in dict.fromkeys(way.handler for way in ways if isinstance(way, FunctionRoute)):
        _check_handler(source, handler)


def handler_file(source: Path, handler: str) -> tuple[Path, str]:
    """The file and the name of the function that ``handler`` (``file.function``) means.

    Raises ``Invalid`` when there is none, when there are several, or when it lies, by a link,
    outside the source.
    """
    name, _, function = handler.rpartition(".")
    root = source.resolve()
    found = _first(root, ("", "src"), name, _PYTHON) + _first(root, ("src", ""), name, _JAVASCRIPT)
    if len(found) > 1:
        raise Invalid(
            "handler_file_ambiguous",
            expected=f"one file for the handler {handler[:64]!r}",
            found=", ".join(str(file.relative_to(root)) for file in found),
            fix="Keep the one that is meant under this name.",
        )
    if not found:
        raise Invalid(
            "handler_file_missing",
            expected=f"{name[:64]}.py, {', '.join(_JAVASCRIPT)} in {source} or in {source / 'src'}",
            found="no such file",
            fix="Correct the handler in the manifest or the source folder of the registration.",
        )
    file = found[0].resolve()
    if not file.is_relative_to(root):
        raise Invalid(
            "handler_outside_source",
            expected=f"the handler {handler[:64]!r} within {source}",
            found="a path that leads out of it",
            fix="Keep the file in the source folder, or register the folder that holds it.",
        )
    return file, function


def in_python(file: Path) -> bool:
    """Whether a handler's file is Python; else it is JavaScript or TypeScript."""
    return file.suffix in _PYTHON


def python_files(source: Path) -> Stamps:
    """Time and size of the app's Python files, in its packages too, but not of what is installed.

    Before every call, so within bounds: folders of more than ``_MOST_OF_A_FOLDER`` entries, which
    hold data, are not read to their end, and of a huge source what lies deepest is not looked at.
    """
    found, folders, left = set(), deque([str(source)]), _MOST_ENTRIES
    while folders and left > 0:
        # A file or folder may go between the listing and the look at it.
        with contextlib.suppress(OSError), os.scandir(folders.popleft()) as entries:
            for entry in islice(entries, min(left, _MOST_OF_A_FOLDER)):
                left -= 1
                if entry.name.endswith(".py"):
                    with contextlib.suppress(OSError):
                        stat = entry.stat()
                        found.add((entry.path, stat.st_mtime_ns, stat.st_size))
                elif _leads_on(entry):
                    folders.append(entry.path)
    return frozenset(found)


def _leads_on(entry: "os.DirEntry[str]") -> bool:
    own = not entry.name.startswith(".") and entry.name not in _INSTALLED
    # Links are not followed, or they could lead in a circle.
    return own and entry.is_dir(follow_symlinks=False)


def _first(root: Path, folders: tuple[str, ...], name: str, endings: tuple[str, ...]) -> list[Path]:
    """All files of that name in the first folder that has one."""
    for folder in folders:
        # Before every call, so without a Path for each place that is only looked at.
        stem = os.path.join(root, folder, name)  # noqa: PTH118
        if there := [Path(stem + end) for end in endings if os.path.isfile(stem + end)]:  # noqa: PTH113
            return there
    return []


def _check_handler(source: Path, handler: str) -> None:
    file, function = handler_file(source, handler)
    if not in_python(file):
        check_export(source.resolve(), file, function)
        return
    try:
        tree = ast.parse(file.read_bytes(), filename=str(file))
    except (SyntaxError, ValueError, RecursionError, MemoryError, OSError) as error:
        raise Invalid(
            "handler_syntax_error",
            expected=f"Python that can be read in {file.name}",
            found=str(error)[:300],
            fix="Correct the file; `python -m py_compile` shows the place.",
        ) from error
    defined = {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    if function not in defined:
        names = ", ".join(sorted(defined)[:10]) or "no function"
        raise Invalid(
            "handler_function_missing",
            expected=f"def {function} at the top level of {file.name}",
            found=names,
            fix="Correct the handler in the manifest, or define the function.",
        )
