"""Where a page of rows goes on: after the primary key of the last one, where it can be compared."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pymysql.cursors import Cursor

from ferryman.store.mariadb.values import quoted

KeyCell = str | int
"""A cell of a key as rows show it; that of bytes in base64."""

_INTEGERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint"})
_DECIMAL = "decimal"
_TEXTS = frozenset({"char", "varchar"})
# Others are compared in another way than they are sorted, or not exactly: names of an ENUM, FLOAT,
# dates that are none. Nor do texts of other character sets come back as they were: several
# characters of GBK are shown as one.

_NUMBER = re.compile(r"-?[0-9]{1,65}(?:\.[0-9]{1,38})?", re.ASCII)
_LONGEST = 500
"""Characters of the key in a cursor, which is part of a URL."""

_KEY = (
    "SELECT s.COLUMN_NAME, IF(s.SUB_PART IS NULL AND COALESCE(c.CHARACTER_SET_NAME, 'utf8mb4') "
    "IN ('utf8mb4', 'utf8mb3', 'ascii', 'latin1'), c.DATA_TYPE, '') "
    "FROM information_schema.STATISTICS s JOIN information_schema.COLUMNS c "
    "USING (TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME) WHERE s.TABLE_SCHEMA = '{database}' "
    "AND s.TABLE_NAME = {table} AND s.INDEX_NAME = 'PRIMARY' ORDER BY s.SEQ_IN_INDEX"
)


@dataclass(frozen=True, slots=True)
class RowKey:
    """The columns of a table's primary key, with their types; none if there is no key."""

    columns: tuple[tuple[str, str], ...]

    @property
    def order(self) -> str:
        """Return the clause that sorts by it."""
        names = ", ".join(name_of(name) for name, _ in self.columns)
        return f"ORDER BY {names} " if names else ""

    def of(self, row: Mapping[str, object]) -> list[KeyCell]:
        """Return the key of a row; nothing if a page cannot go on after it."""
        cells = [row.get(name) for name, _ in self.columns]
        known = [cell for cell in cells if isinstance(cell, str | int)]
        if not cells or len(known) < len(cells) or self.after(known) is None:
            return []
        return known if sum(len(str(cell)) for cell in known) <= _LONGEST else []

    def after(self, cells: Sequence[KeyCell]) -> str | None:
        """Return the condition of rows behind a key; None if the cells do not fit this key.

        A client may have made the cells up, so each is checked.
        """
        literals = [
            _literal(kind, cell) for (_, kind), cell in zip(self.columns, cells, strict=False)
        ]
        names = [name_of(name) for name, _ in self.columns]
        known = [each for each in literals if each is not None]
        if not names or not len(names) == len(cells) == len(known):
            return None
        equal = [f"{name} = {value}" for name, value in zip(names, known, strict=True)]
        behind = [f"{name} > {value}" for name, value in zip(names, known, strict=True)]
        return " OR ".join(
            f"({' AND '.join([*equal[:number], behind[number]])})" for number in range(len(names))
        )


def name_of(name: str) -> str:
    """Return a name as it is written in a statement."""
    return f"`{name.replace('`', '``')}`"


def key_of(cursor: Cursor, database: str, table: str) -> RowKey:
    """Return the primary key of a table."""
    cursor.execute(_KEY.format(database=database, table=quoted(table)))
    return RowKey(tuple((name, kind) for name, kind in cursor.fetchall()))


def _literal(kind: str, cell: KeyCell) -> str | None:
    if kind in _TEXTS:
        return quoted(cell) if isinstance(cell, str) else None
    if kind in _INTEGERS or kind == _DECIMAL:
        # Not in quotes: a text would be compared as a DOUBLE, which rounds.
        return str(cell) if _NUMBER.fullmatch(str(cell)) else None
    return None
