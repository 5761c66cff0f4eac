"""Find the line of a TOML file that a path or a refusal is about."""

import re
import tomllib
from collections.abc import Iterator

from ferryman.errors import PlatformError

_MOST_LINES = 500
_SYNTAX = re.compile(r"\(at line (\d+), column \d+\)$")
_ITEMS = re.compile(r"(\[\d+\])+$")


def line_of(text: str, path: str) -> int | None:
    """Return the line, counted from 1, that begins the value or the table at ``path``.

    Names are joined by full stops, as the reader of ferryman.toml does. The nearest table around a
    value that is absent counts; None if there is none, or the file is a long one.
    """
    lines = text.splitlines()[:_MOST_LINES]
    begin, paths = 0, list(_around(path))
    found: dict[str, int] = {}
    for end in range(1, len(lines) + 1):
        # Whatever is whole up to here is a document of its own; a value of many lines is not yet.
        try:
            known = set(_paths(tomllib.loads("\n".join(lines[:end]))))
        except tomllib.TOMLDecodeError:
            continue
        for each in paths:
            if each in known:
                found.setdefault(each, begin + 1)
        begin = end
    return next((found[each] for each in paths if each in found), None)


def line_of_refusal(text: str, refused: PlatformError) -> int | None:
    """Return the line that a refusal of ferryman.toml is about, if it says."""
    if syntax := _SYNTAX.search(refused.found):
        return int(syntax[1])
    # ``expected`` begins with the path to the place.
    return line_of(text, refused.expected.partition(" to be ")[0])


def _around(path: str) -> Iterator[str]:
    while path:
        yield path
        path = _ITEMS.sub("", path) if _ITEMS.search(path) else path.rpartition(".")[0]


def _paths(value: object, above: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, member in value.items():
            path = f"{above}.{name}" if above else name
            yield path
            yield from _paths(member, path)
