"""Run one statement in a session of its own, and return what Forge returns (forge-sql)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import pymysql
from pymysql.connections import Connection
from pymysql.constants import CLIENT, ER

from ferryman import refusals
from ferryman.domain.sql import SqlStatement
from ferryman.store.mariadb.address import Address
from ferryman.store.mariadb.values import Value, keep_undecodable, literal, quoted, reader

_CONNECT_SECONDS = 10.0
_SPARE_SECONDS = 30
"""How much longer than a statement may take an answer is waited for."""
_NOT_REACHED = 2003
_AWAY = frozenset({2002, _NOT_REACHED, 2006, 2013, 1053})
"""Errors of a server that is not there, or goes away."""

_NO_CONNECTION = _AWAY | {1040, 1203}
"""Also those of one that has no room."""

UNKNOWN_HERE = frozenset({ER.ACCESS_DENIED_ERROR, ER.DBACCESS_DENIED_ERROR, ER.BAD_DB_ERROR})
"""Errors of signing in to a database that was not made yet, or was dropped."""

_TIMED_OUT = 1969
_DENIED = frozenset({1044, 1045, 1142, 1143, 1227, 1370})
_WRONG_COUNT = 1210

# MySQL 8's modes; other engines than InnoDB are replaced without a word, as on TiDB.
_SESSION = (
    "SET SESSION sql_mode = 'ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,"
    "NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO{modes}', foreign_key_checks = 0, "
    "time_zone = '+00:00', collation_connection = utf8mb4_bin, max_statement_time = {seconds}"
)
_NAMES = {
    number: f"ER_{name}"
    for name, number in vars(ER).items()
    if isinstance(number, int) and name not in ("ERROR_FIRST", "ERROR_LAST")
}


class StatementFailed(Exception):
    """The database could not execute a statement; ``message`` may hold an app's data."""

    def __init__(self, number: int, state: str, message: str, outline: str = "") -> None:
        super().__init__(number)
        self.number = number
        self.state = state
        self.message = message
        self.outline = outline

    @property
    def name(self) -> str:
        """Return the error's name in MySQL's manual."""
        return _NAMES.get(self.number, f"ER_{self.number}")


@dataclass(frozen=True, slots=True)
class SqlAnswer:
    """``rows`` of a read as JSON, or ``changed``, what a write did."""

    rows: list[bytes] | None
    changed: dict[str, Any] | None = None


def answers(address: Address) -> bool:
    """Return whether a server is there, even if it has no room."""
    try:
        close(connect(address))
    except pymysql.err.MySQLError as error:
        return not is_away(error)
    return True


def is_away(error: pymysql.err.MySQLError) -> bool:
    """Return whether there is no server, or no longer."""
    return not error.args or error.args[0] in _AWAY


def connect(address: Address, *, seconds: float = _CONNECT_SECONDS) -> Connection:
    """Open a session; raises the errors of the driver."""
    connection = Connection(
        user=address.user,
        password=address.password,
        database=address.database,
        charset="utf8mb4",
        collation="utf8mb4_bin",
        read_timeout=math.ceil(seconds) + _SPARE_SECONDS,
        write_timeout=math.ceil(seconds) + _SPARE_SECONDS,
        # Preparing for TLS takes twenty milliseconds, and nobody is between the ends of a socket.
        ssl_disabled=address.socket_path is not None,
        # Rows that were found count as affected, as with Forge's driver.
        client_flag=CLIENT.FOUND_ROWS,
        conv={},
        autocommit=True,
        defer_connect=True,
    )
    try:
        opened = address.open(_CONNECT_SECONDS)
    except OSError as error:
        raise pymysql.err.OperationalError(_NOT_REACHED, str(error)) from error
    try:
        connection.connect(opened)
    except BaseException:
        opened.close()
        raise
    return connection


def run(
    address: Address,
    statement: SqlStatement,
    values: Sequence[Value],
    *,
    now: float | None = None,
    greatest: int,
) -> SqlAnswer:
    """Execute a statement as a prepared one, and return what it returned.

    ``now`` is the time that the database takes it to be, in epoch seconds; None is the real one.
    ``greatest`` is the size of an answer. Raises the errors of the driver if the session cannot
    begin, :class:`StatementFailed`, :class:`LimitExceeded` (``sql_answer_too_large``) and
    :class:`OutsideError` (``sql_server_unavailable``).
    """
    connection = connect(address, seconds=statement.seconds)
    try:
        connection.query(session_settings(statement.seconds, now))
        connection.query(_immediate(statement.query, values), unbuffered=True)
        answer = _answer(connection._result, greatest)  # noqa: SLF001 - its cursors hide half of it
    except pymysql.err.MySQLError as error:
        raise failure(error, statement.outline) from error
    finally:
        close(connection)
    return answer


def close(connection: Connection) -> None:
    """End a session; rows that are left are not read."""
    result = connection._result  # noqa: SLF001
    if result is not None:
        result.unbuffered_active = False
    connection._force_close()  # noqa: SLF001


def failure(error: Exception, outline: str = "") -> Exception:
    """Convert an error of the driver into one of ours."""
    number, message = (*error.args, "", "")[:2]
    if not isinstance(number, int) or number in _NO_CONNECTION:
        return refusals.sql.UNAVAILABLE(found=f"{type(error).__name__} {number}")
    state = getattr(error, "sqlstate", None) or "HY000"
    return StatementFailed(number, state, str(message), outline)


def refused(error: Exception) -> Exception:
    """Return why the platform itself could not work on the server."""
    why = failure(error)
    return refusals.sql.REFUSED(name=why.name) if isinstance(why, StatementFailed) else why


def is_timeout(failed: StatementFailed) -> bool:
    """Return whether a statement took too long."""
    return failed.number == _TIMED_OUT


def is_denied(failed: StatementFailed) -> bool:
    """Return whether the account may not do this."""
    return failed.number in _DENIED


def is_wrong_count(failed: StatementFailed) -> bool:
    """Return whether there were more or fewer values than placeholders."""
    return failed.number == _WRONG_COUNT


def session_settings(seconds: float, now: float | None = None, *, modes: Sequence[str] = ()) -> str:
    """Return the statement that makes a session one of Forge's; ``modes`` are more SQL modes."""
    text = _SESSION.format(seconds=seconds, modes="".join(f",{mode}" for mode in modes))
    return text if now is None else f"{text}, timestamp = {now:.6f}"


def _immediate(query: str, values: Sequence[Value]) -> str:
    """Return the statement that prepares and executes a query.

    A prepared text is one statement by itself, and its values are never part of it.
    """
    text = f"EXECUTE IMMEDIATE {quoted(query)}"
    if not values:
        return text
    return f"{text} USING {', '.join(literal(value) for value in values)}"


def _answer(result: Any, greatest: int) -> SqlAnswer:
    if result.description is None:
        return SqlAnswer(
            None,
            {
                "fieldCount": 0,
                "affectedRows": result.affected_rows,
                "insertId": result.insert_id or 0,
                "info": _info(result.message or b""),
                "serverStatus": result.server_status,
                "warningStatus": result.warning_count,
            },
        )
    keep_undecodable(result)
    names = [column[0] for column in result.description]
    readers = [reader(column[1]) for column in result.description]
    rows: list[bytes] = []
    size = 0
    while (row := result._read_rowdata_packet_unbuffered()) is not None:  # noqa: SLF001
        read = {
            name: None if cell is None else read_cell(cell)
            for name, read_cell, cell in zip(names, readers, row, strict=True)
        }
        encoded = msgspec.json.encode(read)
        size += len(encoded) + 1
        if size > greatest:
            raise refusals.sql.ANSWER_TOO_LARGE(limit=greatest)
        rows.append(encoded)
    return SqlAnswer(rows)


def _info(message: bytes) -> str:
    """Return the note of an answer, without the length that MariaDB puts before it."""
    if message and message[0] == len(message) - 1:
        message = message[1:]
    return message.decode("utf-8", "replace")
