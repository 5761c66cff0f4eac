"""Rules of the rows that an operator loads into a table of an app."""

import base64
import binascii
from collections.abc import Collection, Sequence
from typing import Any

from ferryman import refusals

_BYTES = {"base64"}
"""The members of a value that stands for bytes, as rows are shown."""


def check_definition(outline: str) -> None:
    """Refuse a statement that makes no table and no view (``sql_definition_invalid``)."""
    if not outline.startswith(("CREATE TABLE ", "CREATE VIEW ")):
        raise refusals.sql.DEFINITION_INVALID()


def checked(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], known: Collection[str]
) -> list[list[Any]]:
    """Return rows with their bytes as bytes; ``known`` are the columns that can be set.

    Raises :class:`Invalid` (``sql_rows_invalid``).
    """
    names = {name.lower() for name in known}
    unknown = [name for name in columns if name.lower() not in names]
    if unknown:
        raise refusals.sql.ROWS_INVALID(found=f"the unknown column {unknown[0]!r}")
    if not columns:
        raise refusals.sql.ROWS_INVALID(found="no columns")
    if len({name.lower() for name in columns}) < len(columns):
        raise refusals.sql.ROWS_INVALID(found="a column twice")
    for number, row in enumerate(rows, 1):
        if len(row) != len(columns):
            found = f"{len(row)} values for {len(columns)} columns in row {number}"
            raise refusals.sql.ROWS_INVALID(found=found)
    return [[_cell(value) for value in row] for row in rows]


def _cell(value: Any) -> Any:
    if not isinstance(value, dict) or value.keys() != _BYTES:
        return value
    try:
        return base64.b64decode(value["base64"], validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise refusals.sql.ROWS_INVALID(found="bytes that are not in base64") from None
