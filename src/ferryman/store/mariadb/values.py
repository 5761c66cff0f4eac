"""Values on their way to MariaDB and back, with the types that Forge gives them (sql-limits)."""

from collections.abc import Callable
from typing import Any

import msgspec
from pymysql.constants import FIELD_TYPE
from pymysql.converters import escape_string

Value = str | int | float | bool | None | list[Any] | dict[str, Any]
Cell = Value | bytes

_INTEGERS = frozenset(
    {FIELD_TYPE.TINY, FIELD_TYPE.SHORT, FIELD_TYPE.LONG, FIELD_TYPE.INT24, FIELD_TYPE.YEAR}
)
_FRACTIONS = frozenset({FIELD_TYPE.FLOAT, FIELD_TYPE.DOUBLE})


def literal(value: Cell) -> str:
    """Return a value as it is written in a statement."""
    match value:
        case None:
            return "NULL"
        case bool() | int():
            return str(int(value))
        case float():
            return f"{value!r}e0" if "e" not in repr(value) else repr(value)
        case str():
            return quoted(value)
        case bytes():
            return f"x'{value.hex()}'"
        case _:
            # An array or object is one text, as Forge's driver sends it.
            return quoted(msgspec.json.encode(value).decode())


def quoted(text: str) -> str:
    """Return a text as it is written in a statement."""
    return f"'{escape_string(text)}'"


def reader(kind: int) -> Callable[[Any], object]:
    """Return what makes a value of Forge's type out of a cell."""
    if kind in _INTEGERS:
        return int
    if kind in _FRACTIONS:
        return float
    return _bits if kind == FIELD_TYPE.BIT else _text


def _bits(cell: bytes) -> int:
    return int.from_bytes(cell, "big")


def _text(cell: str | bytes) -> str:
    return cell if isinstance(cell, str) else cell.decode("utf-8", "replace")


def keep_undecodable(result: Any) -> None:
    """Let a text of a result come as bytes where it is no UTF-8, instead of raising an error.

    MariaDB takes half of a surrogate pair, as is left where an app cut a text.
    """
    result.converters = [
        (None, converter if encoding is None else _decoded)
        for encoding, converter in result.converters
    ]


def _decoded(cell: bytes) -> str | bytes:
    try:
        return cell.decode()
    except UnicodeDecodeError:
        return cell
