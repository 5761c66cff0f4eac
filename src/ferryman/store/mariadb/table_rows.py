"""The tables of an app's database with their definitions and rows, for the operator."""

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import pymysql
from pymysql.connections import Connection
from pymysql.constants import ER, FIELD_TYPE
from pymysql.cursors import Cursor

from ferryman.store.mariadb.address import Address
from ferryman.store.mariadb.client import close, connect, session_settings
from ferryman.store.mariadb.row_keys import KeyCell, key_of, name_of
from ferryman.store.mariadb.values import keep_undecodable, quoted, reader

_HALF = re.compile("[\ud800-\udfff]")
_COUNT_SECONDS = 2
_READ_SECONDS = 60.0

_TABLES = (
    "SELECT TABLE_NAME, TABLE_TYPE = 'VIEW' FROM information_schema.TABLES "
    "WHERE TABLE_SCHEMA = '{database}' AND TABLE_TYPE IN ('BASE TABLE', 'VIEW') "
    "AND (TABLE_TYPE = 'VIEW', BINARY TABLE_NAME) > ({view:d}, {after}) "
    "ORDER BY TABLE_TYPE = 'VIEW', BINARY TABLE_NAME LIMIT {size}"
)
_FROM = (
    "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{database}' "
    "AND TABLE_TYPE = 'BASE TABLE' AND BINARY TABLE_NAME >= {began} "
    "AND ({only} IS NULL OR TABLE_NAME = {only}) ORDER BY BINARY TABLE_NAME"
)
_COLUMNS = (
    "SELECT COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS "
    "WHERE TABLE_SCHEMA = '{database}' AND TABLE_NAME = {table} AND IS_GENERATED = 'NEVER' "
    "ORDER BY ORDINAL_POSITION"
)
_VIEW = (
    "SELECT VIEW_DEFINITION, CHECK_OPTION FROM information_schema.VIEWS "
    "WHERE TABLE_SCHEMA = '{database}' AND TABLE_NAME = {table}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppTable:
    """A table or view; no ``rows`` of a view, or if counting them takes too long."""

    name: str
    is_view: bool
    rows: int | None
    definition: str


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row as JSON, its position among those of its table, and its key if pages use that."""

    table: str
    position: int
    row: bytes
    key: list[KeyCell]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsWanted:
    """Rows from a position of table ``began`` on; with ``only``, those of one table.

    With ``key`` the page begins behind that key, wherever it is now; the position is for tables
    that have another key, or none. A page ends after ``size`` rows, or with the row that exceeds
    ``room`` bytes.
    """

    only: str | None
    began: str
    position: int
    size: int
    room: int
    key: Sequence[KeyCell] = ()


def tables(server: Address, database: str, *, after: tuple[bool, str], size: int) -> list[AppTable]:
    """Return up to ``size`` tables by name, then views."""
    with connect(server) as session, session.cursor() as cursor:
        cursor.execute(session_settings(_COUNT_SECONDS))
        listed = [
            table_in(cursor, database, name, is_view=is_view)
            for name, is_view in names_in(cursor, database, after=after, size=size)
        ]
    return [each for each in listed if each is not None]


def names_in(
    cursor: Cursor, database: str, *, after: tuple[bool, str], size: int
) -> list[tuple[str, bool]]:
    """Return up to ``size`` names of tables, then of views; with whether each is a view."""
    view, name = after
    cursor.execute(_TABLES.format(database=database, view=view, after=quoted(name), size=size))
    return [(name, view == "1") for name, view in cursor.fetchall()]


def columns(server: Address, database: str, table: str) -> list[str]:
    """Return the columns of a table that can be set; none if there is no such table."""
    with connect(server) as session, session.cursor() as cursor:
        return [name for name, _ in columns_of(cursor, database, table)]


def rows(server: Address, database: str, wanted: RowsWanted) -> tuple[list[TableRow], bool]:
    """Return a page of rows by table and primary key, and whether there may be more."""
    found: list[TableRow] = []
    room = wanted.room
    only = "NULL" if wanted.only is None else quoted(wanted.only)
    with connect(server) as session, session.cursor() as cursor:
        cursor.execute(_FROM.format(database=database, began=quoted(wanted.began), only=only))
        for [table] in list(cursor.fetchall()):
            begins = table == wanted.began
            first, after = (wanted.position, wanted.key) if begins else (0, ())
            key, place = key_of(cursor, database, table), f"OFFSET {first}"
            where = key.after(after)
            if where is not None:
                where, place = f"WHERE {where} ", "OFFSET 0"
            columns = [shown(name, kind) for name, kind in columns_of(cursor, database, table)]
            if not columns:  # it was dropped meanwhile
                continue
            query = (
                f"SELECT {', '.join(columns)} FROM `{database}`.{name_of(table)} "  # noqa: S608
                f"{where or ''}{key.order}LIMIT {wanted.size - len(found)} {place}"
            )
            for position, cells in enumerate(_read(server, query), first):
                row = msgspec.json.encode(cells)
                found.append(TableRow(table, position, row, key.of(cells)))
                room -= len(row)
                if len(found) == wanted.size or room <= 0:
                    return found, True
    return found, False


def table_in(
    cursor: Cursor, database: str, name: str, *, is_view: bool, counted: bool = True
) -> AppTable | None:
    """Return a table, with its rows if ``counted``; None if it has been dropped."""
    place = f"`{database}`.{name_of(name)}"
    count = _count(cursor, place) if counted and not is_view else None
    try:
        if is_view:
            [(text, check)] = _texts(cursor, _VIEW.format(database=database, table=quoted(name)))
            # The name of the database is the app's here alone.
            text = text.replace(f"`{database}`.", "")
            option = "" if check == "NONE" else f" WITH {check} CHECK OPTION"
            definition = f"CREATE VIEW {name_of(name)} AS {text}{option}"
        else:
            [(_, definition)] = _texts(cursor, f"SHOW CREATE TABLE {place}")
    except (pymysql.err.MySQLError, ValueError):
        return None
    return AppTable(name=name, is_view=is_view, rows=count, definition=definition)


def _texts(cursor: Cursor, query: str) -> list[list[str]]:
    """Return the rows of a query, whose cells are texts.

    Half of a surrogate pair, which a default may have, becomes one replacement character.
    """
    connection: Connection = cursor.connection
    connection.query(query, unbuffered=True)
    result: Any = connection._result  # noqa: SLF001 - as in client
    keep_undecodable(result)
    found: list[list[str]] = []
    while (cells := result._read_rowdata_packet_unbuffered()) is not None:  # noqa: SLF001
        texts = (c.decode("utf-8", "surrogatepass") if isinstance(c, bytes) else c for c in cells)
        found.append([_HALF.sub("\N{REPLACEMENT CHARACTER}", text) for text in texts])
    return found


def _count(cursor: Cursor, place: str) -> int | None:
    try:
        cursor.execute(f"SELECT COUNT(*) FROM {place}")  # noqa: S608 - it is quoted
        return int(cursor.fetchall()[0][0])
    except pymysql.err.MySQLError:  # it takes too long, or was dropped meanwhile
        return None


def columns_of(cursor: Cursor, database: str, table: str) -> list[tuple[str, str]]:
    """Return the columns of a table that can be set, with their types."""
    cursor.execute(_COLUMNS.format(database=database, table=quoted(table)))
    return [(name, kind) for name, kind in cursor.fetchall()]


def shown(name: str, kind: str) -> str:
    """Return a column as it is read: all digits of a FLOAT, of which the server shows six."""
    return (
        f"CAST({name_of(name)} AS DOUBLE) AS {name_of(name)}" if kind == "float" else name_of(name)
    )


def _read(server: Address, query: str) -> Iterator[dict[str, object]]:
    connection = connect(server, seconds=_READ_SECONDS)
    try:
        connection.query(session_settings(_READ_SECONDS))
        yield from read(connection, query)
    except pymysql.err.MySQLError as error:
        if not error.args or error.args[0] != ER.NO_SUCH_TABLE:
            raise
    finally:
        close(connection)


def read(connection: Connection, query: str) -> Iterator[dict[str, object]]:
    """Yield the rows of a query as they come, by their columns; bytes are in base64.

    So are texts that are no UTF-8, which a load then stores as they were.
    """
    connection.query(query, unbuffered=True)
    result: Any = connection._result  # noqa: SLF001 - as in client
    keep_undecodable(result)
    kinds = [(column[0], column[1]) for column in result.description]
    while (cells := result._read_rowdata_packet_unbuffered()) is not None:  # noqa: SLF001
        yield {name: _value(kind, cell) for (name, kind), cell in zip(kinds, cells, strict=True)}


def _value(kind: int, cell: str | bytes | None) -> object:
    if cell is None:
        return None
    if isinstance(cell, bytes) and kind != FIELD_TYPE.BIT:
        return {"base64": base64.b64encode(cell).decode()}
    return reader(kind)(cell)
