"""Write the items of a list as CSV, for spreadsheets: flat, with readable times, no formulas."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec

_FORMULA = re.compile(r'(?:^|(?<=[;\t\n]))(?=[ "]*[=+@\uff1d\uff0b\uff0d\uff20-])|^(?=[ "]*[\t\n])')
"""Where a cell begins that spreadsheets run instead of showing it.

Where lists are separated by semicolons, a cell begins at each of them, at each tab and at each end
of a line, even between quotation marks.
"""

_TIMES = ("at", "deadline")

_Path = tuple[str, ...]


def item_type(page: type) -> type[msgspec.Struct]:
    """Return the type of the items of a page."""
    item: type[msgspec.Struct] = get_args(get_type_hints(page)["items"])[0]
    return item


def head(kind: type[msgspec.Struct]) -> bytes:
    """Return the first line: the fields as JSON names them, those of a member after a dot."""
    return _lines([[name for name, _ in _columns(kind)]])


def rows(kind: type[msgspec.Struct], items: Iterable[Any]) -> bytes:
    """Return a line for each item.

    Times are UTC in ISO 8601, lists and free members are JSON, and what is null is empty. A text
    that a spreadsheet would take for a formula begins with an apostrophe, wherever it may begin a
    cell, and what nobody could see is spelled out.
    """
    columns = _columns(kind)
    return _lines([_cell(name, _value(item, path)) for name, path in columns] for item in items)


def _lines(cells: Iterable[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(cells)
    return text.getvalue().encode()


@cache
def _columns(kind: type[msgspec.Struct]) -> list[tuple[str, _Path]]:
    return list(_fields(kind))


def _fields(kind: type[msgspec.Struct]) -> Iterator[tuple[str, _Path]]:
    for field in msgspec.structs.fields(kind):
        inner = _struct_in(field.type)
        if inner is None:
            yield field.encode_name, (field.name,)
        else:
            for name, path in _fields(inner):
                yield f"{field.encode_name}.{name}", (field.name, *path)


def _struct_in(annotation: Any) -> type[msgspec.Struct] | None:
    """Return the struct that a field holds, if it holds nothing else but null."""
    if get_origin(annotation) in (Union, UnionType):
        others = [each for each in get_args(annotation) if each is not type(None)]
        return _struct_in(others[0]) if len(others) == 1 else None
    is_struct = isinstance(annotation, type) and issubclass(annotation, msgspec.Struct)
    return annotation if is_struct else None


def _value(item: Any, path: _Path) -> object:
    for name in path:
        if item is None:
            return None
        item = getattr(item, name)
    return item


def _cell(name: str, value: object) -> str:
    match value:
        case None | msgspec.UNSET:
            return ""
        case bool():
            return "true" if value else "false"
        case int() if _is_time(name.rpartition(".")[2]):
            at = datetime.fromtimestamp(value / 1000, UTC)
            return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case int() | float():
            return str(value)
        case _:
            return _text(_words(value))


def _words(value: object) -> str:
    match value:
        case Enum():
            return str(value.value)
        case str():
            return value
        case _:
            return msgspec.json.encode(value).decode()


def _is_time(name: str) -> bool:
    return name in _TIMES or name.endswith("At")


def _text(text: str) -> str:
    seen = "".join(
        each if each.isprintable() or each in "\n\t" else each.encode("unicode_escape").decode()
        for each in text
    )
    return _FORMULA.sub("'", seen)
