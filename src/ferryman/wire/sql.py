"""What `@forge/sql` sends and accepts (forge-sql)."""

from typing import Any

from msgspec import UNSET, Struct, UnsetType


class SqlCall(Struct, frozen=True, kw_only=True):
    """A statement and its values; unknown members are ignored."""

    query: str
    params: list[Any] = []


class SqlDebug(Struct, frozen=True, kw_only=True, rename="camel"):
    """What the database itself said."""

    code: str
    errno: int
    sql_state: str
    sql_message: str


class SqlProblem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error as the package reads it."""

    code: str
    message: str
    suggestion: str
    debug: SqlDebug | UnsetType = UNSET
