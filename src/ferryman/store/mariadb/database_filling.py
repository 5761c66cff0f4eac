"""Make an app's database again of the lines of its copy (ADR 113)."""

import base64
import binascii
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import pymysql
from pymysql.constants import ER

from ferryman.store.mariadb.address import Address
from ferryman.store.mariadb.client import (
    StatementFailed,
    close,
    connect,
    failure,
    session_settings,
)
from ferryman.store.mariadb.database_copy import CopyHead
from ferryman.store.mariadb.large_values import given, is_large
from ferryman.store.mariadb.row_keys import name_of
from ferryman.store.mariadb.values import Cell, literal

_SILENT_SECONDS = 600.0
MARK = "ferryman_restoring"
"""The comment of a database while it is being made again, which no app can change."""

_ROWS = 1_000
_BYTES = 1 << 20

# What is there is stored as it is, also dates that are none, which INSERT IGNORE leaves behind.
_AS_IT_IS = "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'"
_DEAD = frozenset({ER.NO_SUCH_TABLE, ER.VIEW_INVALID, ER.BAD_FIELD_ERROR})
"""Errors of a view whose tables or columns are not there, nor were they when it was copied."""


class Unreadable(Exception):
    """A line is none of a copy."""


class Filling:
    """Makes an empty database again, with the app's account; everything here blocks.

    Raises what ``connect`` does, :class:`StatementFailed` and :class:`Unreadable`.
    """

    def __init__(self, app: Address) -> None:
        self._connection = connect(app, seconds=_SILENT_SECONDS)
        self._database = app.database or ""
        self._head: CopyHead | None = None
        self._views: list[CopyHead] = []
        self._rows: list[str] = []
        self._bytes = 0
        try:
            self._run(session_settings(0))
            self._run(_AS_IT_IS)
        except BaseException:
            self.close()
            raise

    def add(self, lines: Iterable[bytes]) -> None:
        """Make what these lines say."""
        for line in lines:
            if line.startswith(b"{"):
                self._flush()
                self._begin(_decoded(line, CopyHead))
                continue
            try:
                cells = [_cell(cell) for cell in _decoded(line, list[Any])]
            except (binascii.Error, KeyError, TypeError, ValueError) as error:
                raise Unreadable(str(error)) from error
            if any(map(is_large, cells)):
                self._flush()
                self._keep(self._given(cells))
                self._flush()
            else:
                self._keep([literal(cell) for cell in cells])

    def end(self) -> list[str]:
        """Create the views, each after those that it reads; then the database is complete.

        Returns the names of views that read something missing; they are left out.
        """
        self._flush()
        left = self._views
        dead: list[str] = []
        while left:
            errors = [(head, self._refusal(head)) for head in left]
            waiting = [head for head, error in errors if error is not None]
            if len(waiting) == len(left):
                for _, error in errors:
                    if error is not None and error.number not in _DEAD:
                        raise error
                dead = [head.table for head in waiting]
                break
            left = waiting
        self._run(f"ALTER DATABASE {name_of(self._database)} COMMENT = ''")
        return dead

    def close(self) -> None:
        """End the session."""
        close(self._connection)

    def _begin(self, head: CopyHead) -> None:
        if head.view:
            self._views.append(head)
        else:
            self._run(head.definition)
            self._head = head

    def _refusal(self, view: CopyHead) -> StatementFailed | None:
        try:
            self._run(view.definition)
        except StatementFailed as error:
            return error
        return None

    def _given(self, cells: Sequence[Cell]) -> list[str]:
        try:
            return given(self._connection, cells)
        except pymysql.err.MySQLError as error:
            raise failure(error) from error

    def _keep(self, cells: Sequence[str]) -> None:
        row = f"({', '.join(cells)})"
        self._rows.append(row)
        self._bytes += len(row)
        if len(self._rows) == _ROWS or self._bytes > _BYTES:
            self._flush()

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


def _decoded(line: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(line, type=kind)
    except msgspec.DecodeError as error:
        raise Unreadable(str(error)) from error


def _cell(value: Any) -> Cell:
    return base64.b64decode(value["base64"]) if isinstance(value, dict) else value
