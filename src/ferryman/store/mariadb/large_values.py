"""Pass values that are too large for one statement to a session in pieces.

A statement takes two bytes for each byte of a binary value, and the server accepts none that is
longer than ``max_allowed_packet``. One value may be nearly that long.
"""

from collections.abc import Sequence

from pymysql.connections import Connection
from pymysql.constants import ER

from ferryman.store.mariadb.client import StatementFailed
from ferryman.store.mariadb.values import Cell, literal

_LARGE = 1 << 19
"""Characters or bytes of a piece."""


def is_large(cell: Cell) -> bool:
    """Return whether a value is given in pieces."""
    return isinstance(cell, str | bytes) and len(cell) > _LARGE


def given(connection: Connection, cells: Sequence[Cell], row: int = 0) -> list[str]:
    """Prepare the large values of a row, and return how the next statement refers to them.

    ``row`` is its number in the statement. Raises the errors of the driver, and
    :class:`StatementFailed` for a value that is larger than the server accepts.
    """
    return [_variable(connection, f"@c{row}_{n}", cell) for n, cell in enumerate(cells)]


def _variable(connection: Connection, name: str, cell: Cell) -> str:
    if not isinstance(cell, str | bytes) or not is_large(cell):
        return literal(cell)
    data = cell.encode() if isinstance(cell, str) else cell
    connection.query(f"SET {name} = x''")
    for start in range(0, len(data), _LARGE):
        connection.query(f"SET {name} = CONCAT({name}, {literal(data[start : start + _LARGE])})")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COALESCE(LENGTH({name}), 0)")
        if int(cursor.fetchall()[0][0]) != len(data):
            number = ER.WARN_ALLOWED_PACKET_OVERFLOWED
            raise StatementFailed(number, "HY000", f"a value of {len(data)} bytes")
    return f"CONVERT({name} USING utf8mb4)" if isinstance(cell, str) else name
