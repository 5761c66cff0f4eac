"""Read the folder of an app: its manifest, its handlers and their variables.

A handler ``index.run`` is in a Python file in the folder or in ``src``, or in a JavaScript or
TypeScript file in ``src`` or in the folder, as Forge apps lay it out.
"""

import ast
import contextlib
import os
from collections import deque
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

import yaml

from ferryman import refusals
from ferryman.functions.bundle import Stamps, check_export
from ferryman.functions.document import describe, malformed
from ferryman.functions.manifest_model import Manifest
from ferryman.functions.routes import FunctionRoute, routes
from ferryman.functions.sandbox.sandbox import Sandbox
from ferryman.functions.yaml_reader import StrictLoader

_MANIFEST_BYTES = 1 << 20
_HANDLER_BYTES = 8 << 20
_NODE_REMEDY = "install a Node.js that runs in it, or name one by FERRYMAN_NODE"
_PYTHON = (".py",)
_INSTALLED = {"__pycache__", "node_modules", "site-packages"}
_MOST_ENTRIES = 4_000
_MOST_OF_A_FOLDER = 1_000
_JAVASCRIPT = (".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx")


def load_manifest(path: Path) -> dict[str, object]:
    """Return the document in ``path``, a manifest file or a folder holding ``manifest.yml``.

    It is parsed as YAML 1.2 but not validated: pass it to ``parse_manifest``. Raises
    ``ConfigError`` if there is no such file, ``Invalid`` if it is not a YAML mapping.
    """
    file = path / "manifest.yml" if path.is_dir() else path
    try:
        with file.open("rb") as stream:
            data = stream.read(_MANIFEST_BYTES + 1)
    except OSError as error:
        raise refusals.manifest.UNREADABLE(
            file=file, found=error.strerror or type(error).__name__
        ) from error
    if len(data) > _MANIFEST_BYTES:
        raise malformed(str(file), "at most 1 MiB", "more")
    try:
        document: object = yaml.load(data, StrictLoader)  # noqa: S506 - a safe one
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # ValueError: numbers with thousands of digits, and bytes that are not text.
        raise malformed(str(file), "YAML", str(error)[:500]) from error
    if not isinstance(document, dict) or not all(isinstance(key, str) for key in document):
        raise malformed(str(file), "a mapping with names as its keys", describe(document))
    return document


def app_variables(manifest: Manifest, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the declared variables: ``FORGE_USER_VAR_<KEY>`` of ``environ``, else the default."""
    values = {variable.key: variable.value(environ) for variable in manifest.variables}
    return {key: value for key, value in values.items() if value is not None}


def check_source(manifest: Manifest, source: Path, sandbox: Sandbox | None = None) -> None:
    """Check, without running it, that every handler of a migration event exists.

    Raises ``Invalid`` for the first that does not, ``ConfigError`` if a required tool is not
    installed. It can take seconds, since JavaScript is compiled.
    """
    ways = [route for event in manifest.events for route in routes(manifest, event)]
    for handler in dict.fromkeys(way.handler for way in ways if isinstance(way, FunctionRoute)):
        _check_handler(source, handler, sandbox)


def handler_file(source: Path, handler: str) -> tuple[Path, str]:
    """Return the file and the function name of ``handler`` (``file.function``).

    Raises ``Invalid`` if no file or several match, or if a link leads outside the source.
    """
    name, _, function = handler.rpartition(".")
    root = source.resolve()
    candidates = _first(root, ("", "src"), name, _PYTHON) + _first(
        root, ("src", ""), name, _JAVASCRIPT
    )
    if len(candidates) > 1:
        raise refusals.function.FILE_AMBIGUOUS(
            handler=handler, files=", ".join(str(file.relative_to(root)) for file in candidates)
        )
    if not candidates:
        raise refusals.function.FILE_MISSING(
            names=f"{name[:64]}.py, {', '.join(_JAVASCRIPT)}", source=source
        )
    file = candidates[0].resolve()
    if not file.is_relative_to(root):
        raise refusals.function.OUTSIDE_SOURCE(handler=handler, source=source)
    return file, function


def in_python(file: Path) -> bool:
    """Return whether a handler's file is Python; otherwise it is JavaScript or TypeScript."""
    return file.suffix in _PYTHON


def python_files(source: Path, read: list[str] | None = None) -> Stamps:
    """Return path, time and size of the app's own Python files, its packages included.

    The folders that were looked into are added to ``read``. It may run before every call, so it is
    bounded: folders with more than ``_MOST_OF_A_FOLDER``
    entries, which hold data, are read only in part, and so are the deepest levels of a huge source.
    """
    files, folders, left = set(), deque([str(source)]), _MOST_ENTRIES
    while folders and left > 0:
        folder = folders.popleft()
        if read is not None:
            read.append(folder)
        # A file or folder may be removed after it was listed.
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in islice(entries, min(left, _MOST_OF_A_FOLDER)):
                left -= 1
                if entry.name.endswith(".py"):
                    with contextlib.suppress(OSError):
                        stat = entry.stat()
                        files.add((entry.path, stat.st_mtime_ns, stat.st_size))
                elif _leads_on(entry):
                    folders.append(entry.path)
    return frozenset(files)


def _leads_on(entry: "os.DirEntry[str]") -> bool:
    own = not entry.name.startswith(".") and entry.name not in _INSTALLED
    # Links are not followed, as they could form a cycle.
    return own and entry.is_dir(follow_symlinks=False)


def _first(root: Path, folders: tuple[str, ...], name: str, endings: tuple[str, ...]) -> list[Path]:
    """Return all files of that name in the first folder that has one."""
    for folder in folders:
        # This runs before every call, so it avoids creating a Path per candidate.
        stem = os.path.join(root, folder, name)  # noqa: PTH118
        if there := [Path(stem + end) for end in endings if os.path.isfile(stem + end)]:  # noqa: PTH113
            return there
    return []


def _check_handler(source: Path, handler: str, sandbox: Sandbox | None) -> None:
    file, function = handler_file(source, handler)
    if not in_python(file):
        if sandbox is not None and sandbox.no_node:
            raise refusals.function.SANDBOX_MISSING(found=sandbox.no_node, remedy=_NODE_REMEDY)
        check_export(source.resolve(), file, function, sandbox)
        return
    try:
        if file.stat().st_size > _HANDLER_BYTES:
            raise ValueError(f"more than {_HANDLER_BYTES >> 20} MiB")
        tree = ast.parse(file.read_bytes(), filename=str(file))
    except (SyntaxError, ValueError, RecursionError, MemoryError, OSError) as error:
        raise refusals.function.SYNTAX_ERROR(file=file.name, found=str(error)) from error
    defined = {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    if function not in defined:
        names = ", ".join(sorted(defined)[:10]) or "no function"
        raise refusals.function.MISSING_IN_PYTHON(function=function, file=file.name, found=names)
