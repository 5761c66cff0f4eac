"""An app's database as lines of one moment, and made again of these lines (ADR 113).

A line is a table or view with the statement that makes it, or a row of the table before: an array
of its cells. Bytes are ``{"base64": "…"}``.
"""

from collections.abc import Generator, Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec
import pymysql
from pymysql.constants import ER

from ferryman.store.mariadb.address import Address
from ferryman.store.mariadb.client import close, connect, refused, session_settings
from ferryman.store.mariadb.row_keys import key_of, name_of
from ferryman.store.mariadb.table_rows import (
    AppTable,
    columns_of,
    names_in,
    read,
    shown,
    table_in,
)

_SILENT_SECONDS = 600.0
_PATIENT = f"SET SESSION net_write_timeout = {_SILENT_SECONDS:.0f}"
"""Whoever reads may wait for a slow place; the server would give up after a minute."""

_SNAPSHOT = (
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
)
_COMMENT = "SELECT SCHEMA_COMMENT FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = '{database}'"
_SAVE, _RELEASE = "SAVEPOINT begun", "ROLLBACK TO SAVEPOINT begun"
"""Statements before and after a table is read, so that the app can alter it again afterwards."""

_CHANGED = frozenset({ER.TABLE_DEF_CHANGED, ER.NO_SUCH_TABLE, ER.BAD_FIELD_ERROR})

_ROWS = 1_000
_BYTES = 1 << 20


class Altered(Exception):
    """A table was altered while it was read."""


class CopyHead(msgspec.Struct, frozen=True, kw_only=True):
    """A line before the rows of a table."""

    view: bool
    table: str
    definition: str
    columns: list[str]


def comment(server: Address, database: str) -> str | None:
    """Return the comment of a database; None if it is not there."""
    with connect(server) as session, session.cursor() as cursor:
        cursor.execute(_COMMENT.format(database=database))
        found = cursor.fetchall()
    return found[0][0] if found else None


def lines(server: Address, database: str) -> Generator[bytes, None, None]:
    """Yield the lines of a database, all as of the moment of the first; raises driver errors."""
    connection = connect(server, seconds=_SILENT_SECONDS)
    try:
        with connection.cursor() as cursor:
            for text in (session_settings(0), _PATIENT, *_SNAPSHOT, _SAVE):
                cursor.execute(text)
            for name, is_view in names_in(cursor, database, after=(False, ""), size=1 << 20):
                # From here on it is as it is, until it is released.
                table = table_in(cursor, database, name, is_view=is_view, counted=False)
                if table is None:
                    raise Altered
                columns = [] if is_view else columns_of(cursor, database, table.name)
                yield _head(table, [name for name, _ in columns])
                if columns:
                    order = key_of(cursor, database, table.name).order
                    yield from _rows(connection, database, table.name, columns, order)
                cursor.execute(_RELEASE)
    finally:
        close(connection)


def some(of: Iterator[bytes], size: int = _ROWS, room: int = _BYTES) -> list[bytes]:
    """Return the next lines, up to ``size`` or the one that exceeds ``room``; none at the end.

    Raises :class:`Altered`, and :class:`OutsideError` (``sql_server_unavailable``,
    ``sql_server_refused``).
    """
    found: list[bytes] = []
    try:
        for line in islice(of, size):
            found.append(line)
            room -= len(line)
            if room < 0:
                break
    except pymysql.err.MySQLError as error:
        if error.args and error.args[0] in _CHANGED:
            raise Altered from error
        raise refused(error) from error
    return found


def _head(table: AppTable, columns: list[str]) -> bytes:
    head = CopyHead(
        view=table.is_view, table=table.name, definition=table.definition, columns=columns
    )
    return msgspec.json.encode(head) + b"\n"


def is_view(line: bytes) -> bool:
    """Return whether a line is of a view."""
    return line.startswith(b'{"view":true')


def _rows(
    connection: Any,
    database: str,
    table: str,
    columns: Sequence[tuple[str, str]],
    order: str,
) -> Iterator[bytes]:
    what = ", ".join(shown(name, kind) for name, kind in columns)
    query = f"SELECT {what} FROM `{database}`.{name_of(table)} {order}"  # noqa: S608 - quoted
    for row in read(connection, query):
        yield msgspec.json.encode([*row.values()]) + b"\n"
