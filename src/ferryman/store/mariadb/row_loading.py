"""Store rows that an operator loads in a table of an app's database."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

import pymysql
from pymysql.connections import Connection
from pymysql.constants import ER

from ferryman.store.mariadb.address import Address
from ferryman.store.mariadb.client import close, connect, failure, session_settings
from ferryman.store.mariadb.large_values import given
from ferryman.store.mariadb.row_keys import name_of
from ferryman.store.mariadb.values import Cell

_SECONDS = 30.0
_TRIES = 10
_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 1.0
"""Seconds; twice as long after each try, and by chance, so that two that met do not meet again."""

_IN_THE_WAY = frozenset({ER.LOCK_DEADLOCK, ER.LOCK_WAIT_TIMEOUT})
"""Errors of a statement that met another one, and did nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsLoaded:
    """Rows for a table, at least one; ``now`` is the time that the database takes it to be."""

    table: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    now: float | None


def put(app: Address, loaded: RowsLoaded) -> None:
    """Replace the rows with the same keys, and add the others: all of them or none.

    Raises the errors of the driver if the session cannot begin, and :class:`StatementFailed`.
    """
    settings = session_settings(_SECONDS, loaded.now, modes=["NO_AUTO_VALUE_ON_ZERO"])
    connection = connect(app, seconds=_SECONDS)
    try:
        connection.query(settings)
        names = ", ".join(map(name_of, loaded.columns))
        listed = ", ".join(
            f"({', '.join(given(connection, row, number))})"
            for number, row in enumerate(loaded.rows)
        )
        into = f"REPLACE INTO {name_of(loaded.table)} ({names})"
        _execute(connection, f"{into} VALUES {listed}")
    except pymysql.err.MySQLError as error:
        raise failure(error) from error
    finally:
        close(connection)


def _execute(connection: Connection, text: str) -> None:
    for tried in range(1, _TRIES + 1):
        try:
            connection.query(text)
        except pymysql.err.MySQLError as error:
            if tried == _TRIES or error.args[0] not in _IN_THE_WAY:
                raise
            longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**tried)
            time.sleep(random.uniform(0, longest))  # noqa: S311 - jitter
        else:
            return
