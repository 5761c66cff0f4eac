"""Answers of a product that stands still: JSON files in a folder of the app, one or more in each.

A fixture has ``path`` and, where they differ from the defaults, ``method`` (GET), ``status`` (200),
``headers``, and ``body`` or ``base64``. In a path, ``*`` stands for one segment or a part of it,
``**`` for anything. A path with ``?`` answers only calls with these parameters, whatever others
they have. If several fixtures answer a call, the most exact one does.
"""

import base64
import binascii
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ferryman.errors import PlatformError
from ferryman.functions.document import MakeError, Node

_MEMBERS = ("method", "path", "status", "headers", "body", "base64")
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_MOST_FILES = 1_000
_MOST_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class ProductFixtures:
    """The fixtures of a product; ``folder`` is written as in ferryman.toml.

    ``files`` are the files and folders that were read; ``rows`` are ready for a host.
    """

    folder: str
    files: tuple[Path, ...]
    rows: tuple[dict[str, object], ...]


def read_fixtures(source: Path, place: Node, malformed: MakeError) -> ProductFixtures:
    """Read the folder of the app that ``place`` names; raises what ``malformed`` makes."""
    name = place.text()
    folder = source / name
    # Errors quote the files, so nothing may lead to somebody else's.
    if not _inside(folder, source) or not folder.is_dir():
        place.refuse("a folder in the app's folder that exists")
    files = sorted(each for each in folder.rglob("*.json") if _inside(each, source))
    if len(files) > _MOST_FILES:
        raise malformed(name, f"at most {_MOST_FILES} files", str(len(files)))
    if sum(each.stat().st_size for each in files) > _MOST_BYTES:
        raise malformed(name, f"at most {_MOST_BYTES >> 20} MiB of files", "more")
    rows = [row for file in files for row in _rows(file, source, malformed)]
    rows.sort(key=_generality)
    folders = sorted(each for each in folder.rglob("*") if each.is_dir() and _inside(each, source))
    return ProductFixtures(name, (folder, *folders, *files), tuple(rows))


def _inside(path: Path, source: Path) -> bool:
    return path.resolve().is_relative_to(source.resolve())


def _rows(file: Path, source: Path, malformed: MakeError) -> Iterator[dict[str, object]]:
    name = file.relative_to(source).as_posix()

    def wrong(path: str, expected: str, found: str) -> PlatformError:
        return malformed(f"{path or 'the fixture'} of {name}", expected, found)

    if not file.is_file():
        raise malformed(name, "a file", "something else")  # a pipe would be waited for
    try:
        document = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise malformed(name, "JSON", str(error)[:200]) from error
    root = Node(document, refusal=wrong)
    for node in root.items() if isinstance(document, list) else (root,):
        yield _row(node)


def _row(node: Node) -> dict[str, object]:
    if node.absent:
        node.refuse("an object with a path")
    node.members(_MEMBERS)
    method = node.get("method")
    if not method.absent and method.value not in _METHODS:
        method.refuse(f"one of {', '.join(_METHODS)}")
    status = node.get("status")
    if not status.absent and not (type(status.value) is int and 200 <= status.value <= 599):
        status.refuse("a status from 200 to 599")
    path = node.get("path")
    if not path.text().startswith("/"):
        path.refuse("a path that begins with a slash")
    headers = {name: value.text() for name, value in node.get("headers").members()}
    body, kind = _body(node)
    if kind is not None and not any(name.lower() == "content-type" for name in headers):
        headers["content-type"] = kind
    return {
        "method": method.value or "GET",
        "path": path.value,
        "status": status.value or 200,
        "headers": headers,
        "body": body,
    }


def _body(node: Node) -> tuple[str, str | None]:
    """Return the body in base64, and its content type if it has one by itself."""
    body, encoded = node.get("body"), node.get("base64")
    if not encoded.absent:
        if not body.absent:
            node.refuse("an object with body or base64, not both")
        try:
            base64.b64decode(encoded.text(), validate=True)
        except binascii.Error:
            encoded.refuse("bytes in base64")
        return encoded.text(), None
    if body.absent:
        return "", None
    if isinstance(body.value, str):
        return base64.b64encode(body.value.encode()).decode(), "text/plain; charset=utf-8"
    text = json.dumps(body.value, ensure_ascii=False)
    return base64.b64encode(text.encode("utf-8", "replace")).decode(), "application/json"


def _generality(row: dict[str, object]) -> tuple[int, int, int]:
    """Sort the most exact first: fewest wild cards, most parameters, longest path."""
    path, _, query = str(row["path"]).partition("?")
    wild = 10 * path.count("**") + path.replace("**", "").count("*")
    return wild, -len(query.split("&")) if query else 0, -len(path)
