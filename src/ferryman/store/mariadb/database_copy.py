"""An app's database as lines of one moment, and made again of these lines (ADR 113).

A line is a table or view with the statement that makes it, or a row of the table before: an array
of its cells. Bytes are ``{"base64": "…"}``.
"""

import base64
from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec
import pymysql
from pymysql.constants import ER

from ferryman import refusals
from ferryman.store.mariadb.address import Address
from ferryman.store.mariadb.client import close, connect, failure, refused, session_settings
from ferryman.store.mariadb.table_rows import (
    AppTable,
    columns_of,
    key_of,
    name_of,
    read,
    shown,
    tables_in,
)
from ferryman.store.mariadb.values import Cell, literal

_SILENT_SECONDS = 600.0
_SNAPSHOT = (
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
)
_NAMES = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{database}'"
_MARK = "ferryman_restoring"
"""A table that is there while a database is being made again."""

_ROWS = 1_000
_BYTES = 1 << 20


class CopyHead(msgspec.Struct, frozen=True, kw_only=True):
    """A line before the rows of a table."""

    view: bool
    table: str
    definition: str
    columns: list[str]


class Filling:
    """Makes an empty database again, with the app's account; everything here blocks.

    Raises what ``connect`` does, and :class:`StatementFailed`.
    """

    def __init__(self, app: Address) -> None:
        self._connection = connect(app, seconds=_SILENT_SECONDS)
        self._head: CopyHead | None = None
        self._views: list[CopyHead] = []
        self._rows: list[str] = []
        self._bytes = 0
        try:
            self._run(session_settings(0, modes=["NO_AUTO_VALUE_ON_ZERO"]))
            self._run(f"CREATE TABLE {_MARK} (n INT)")
        except BaseException:
            self.close()
            raise

    def add(self, lines: Iterable[bytes]) -> None:
        """Make what these lines say."""
        for line in lines:
            if line.startswith(b"{"):
                self._flush()
                head = msgspec.json.decode(line, type=CopyHead)
                if head.view:
                    self._views.append(head)
                else:
                    self._run(head.definition)
                    self._head = head
                continue
            row = f"({', '.join(literal(_cell(cell)) for cell in msgspec.json.decode(line))})"
            self._rows.append(row)
            self._bytes += len(row)
            if len(self._rows) == _ROWS or self._bytes > _BYTES:
                self._flush()

    def end(self) -> None:
        """Make the views, each after those that it reads; then the database is whole."""
        self._flush()
        left = self._views
        while left:
            waiting = [head for head in left if not self._makes(head, last=len(left) == 1)]
            if len(waiting) == len(left):
                self._run(left[0].definition)
            left = waiting
        self._run(f"DROP TABLE {_MARK}")

    def close(self) -> None:
        """End the session."""
        close(self._connection)

    def _makes(self, view: CopyHead, *, last: bool) -> bool:
        try:
            self._connection.query(view.definition)
        except pymysql.err.MySQLError as error:
            if last:
                raise failure(error) from error
            return False
        return True

    def _flush(self) -> None:
        if self._rows and self._head is not None:
            names = ", ".join(map(name_of, self._head.columns))
            into = f"INSERT INTO {name_of(self._head.table)} ({names}) VALUES "  # noqa: S608 - quoted
            self._run(into + ", ".join(self._rows))
        self._rows = []
        self._bytes = 0

    def _run(self, text: str) -> None:
        try:
            self._connection.query(text)
        except pymysql.err.MySQLError as error:
            raise failure(error) from error


def names(server: Address, database: str) -> list[str]:
    """Return the names of all tables and views."""
    with connect(server) as session, session.cursor() as cursor:
        cursor.execute(_NAMES.format(database=database))
        return [name for [name] in cursor.fetchall()]


def is_begun(found: Sequence[str]) -> bool:
    """Return whether tables are those of a database that was not made again to its end."""
    return _MARK in found


def lines(server: Address, database: str) -> Generator[bytes, None, None]:
    """Yield the lines of a database, all as of the moment of the first; raises driver errors."""
    connection = connect(server, seconds=_SILENT_SECONDS)
    try:
        with connection.cursor() as cursor:
            for text in (session_settings(0), *_SNAPSHOT):
                cursor.execute(text)
            for table in tables_in(
                cursor, database, after=(False, ""), size=1 << 20, counted=False
            ):
                columns = [] if table.is_view else columns_of(cursor, database, table.name)
                yield _head(table, [name for name, _ in columns])
                if columns:
                    key = key_of(cursor, database, table.name)
                    yield from _rows(connection, database, table.name, columns, key)
    finally:
        close(connection)


def some(of: Iterator[bytes], size: int = _ROWS) -> list[bytes]:
    """Return the next lines; none at the end.

    Raises :class:`OutsideError` (``sql_server_unavailable``, ``sql_server_refused``).
    """
    try:
        return list(islice(of, size))
    except pymysql.err.MySQLError as error:
        if error.args and error.args[0] == ER.TABLE_DEF_CHANGED:
            raise refusals.sql.UNAVAILABLE(found="a table that was altered meanwhile") from error
        raise refused(error) from error


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
    key: Sequence[str],
) -> Iterator[bytes]:
    order = f" ORDER BY {', '.join(key)}" if key else ""
    what = ", ".join(shown(name, kind) for name, kind in columns)
    query = f"SELECT {what} FROM `{database}`.{name_of(table)}{order}"  # noqa: S608 - quoted
    for row in read(connection, query):
        yield msgspec.json.encode([*row.values()]) + b"\n"


def _cell(value: Any) -> Cell:
    return base64.b64decode(value["base64"]) if isinstance(value, dict) else value
