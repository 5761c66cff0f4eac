"""The SQL database of an app, as `@forge/sql` calls it, by its own paths."""

from time import monotonic

import msgspec
from litestar import Response, post
from litestar.di import NamedDependency, Provide

from ferryman import refusals
from ferryman.api import forge_problem
from ferryman.api.key_value_form import Asked, is_half_character
from ferryman.api.parameters import Caller, OwnPlatform
from ferryman.api.router import Router
from ferryman.api.throttle import AppThrottle
from ferryman.domain import sql as sql_rules
from ferryman.domain.limits import SQL_DEFINITIONS_PER_MINUTE
from ferryman.domain.rate import Rate
from ferryman.domain.sql_gaps import gap_in
from ferryman.errors import PlatformError
from ferryman.services import sql as sql_service
from ferryman.services.platform import Platform
from ferryman.store.app import AppRow
from ferryman.store.mariadb.client import StatementFailed
from ferryman.wire.sql import SqlCall, SqlDebug, SqlProblem

_CODES = {
    refusals.access.RATE_LIMITED.code: "RATE_LIMIT_EXCEEDED",
    refusals.sql.TOO_MANY_DEFINITIONS.code: "RATE_LIMIT_EXCEEDED",
    refusals.sql.EXECUTION_ERROR.code: "SQL_EXECUTION_ERROR",
    refusals.sql.POLICY_VIOLATION.code: "SQL_POLICY_VIOLATION",
    refusals.sql.INVALID_QUERY.code: "INVALID_SQL_QUERY",
}
"""Forge's words where they are not the code without ``sql_``."""


@post("/execute")
async def execute(request: Asked, caller: Caller, platform: OwnPlatform) -> Response[bytes]:
    """Execute one statement."""
    return await _execute(request, caller, platform)


@post("/execute/ddl")
async def define(
    request: Asked, caller: Caller, platform: OwnPlatform, definitions: NamedDependency[AppThrottle]
) -> Response[bytes]:
    """Execute one statement, which may define tables: the package's migrations all come here."""
    definitions.admit(caller.app_id)
    return await _execute(request, caller, platform)


async def _execute(request: Asked, caller: AppRow, platform: Platform) -> Response[bytes]:
    body = await request.body()
    try:
        asked = msgspec.json.decode(body, type=SqlCall)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        if is_half_character(body, error):
            raise refusals.sql.INVALID_QUERY(found=sql_rules.NO_TEXT) from error
        raise refusals.sql.REQUEST_INVALID(found=str(error)) from error
    answer = await sql_service.execute(platform, caller, asked.query, asked.params, len(body))
    if answer.rows is None:
        content = msgspec.json.encode({"rows": answer.changed})
    else:
        content = b'{"rows":[%s]}' % b",".join(answer.rows)
    return Response(content, status_code=200, media_type="application/json")


def sql_router() -> Router:
    """Return the calls of the package, by its own paths."""
    rate = Rate(SQL_DEFINITIONS_PER_MINUTE / 60, SQL_DEFINITIONS_PER_MINUTE)
    definitions = AppThrottle(rate, monotonic, refusals.sql.TOO_MANY_DEFINITIONS)
    return Router(
        path="/sql/api/v1",
        dependencies={"definitions": Provide(lambda: definitions, sync_to_thread=False)},
        exception_handlers=forge_problem.answers(_problem),
        route_handlers=[execute, define],
    )


def _problem(error: PlatformError) -> SqlProblem:
    told = SqlProblem(
        code=_CODES.get(error.code) or error.code.removeprefix("sql_").upper(),
        message=f"Expected {error.expected}; found {error.found}.",
        suggestion=error.fix,
    )
    failed = error.__cause__
    return _with_cause(told, failed) if isinstance(failed, StatementFailed) else told


def _with_cause(told: SqlProblem, failed: StatementFailed) -> SqlProblem:
    """Return the words of the database, and what it lacks that Forge's has."""
    gap = gap_in(failed.outline)
    suggestion = told.suggestion
    if gap is not None:
        suggestion = (
            f"The database here is MariaDB, which lacks {gap.name}; Forge's has it. "
            f"To run on both, use {gap.instead}."
        )
    return SqlProblem(
        code=told.code,
        message=failed.message,
        suggestion=suggestion,
        debug=SqlDebug(
            code=failed.name,
            errno=failed.number,
            sql_state=failed.state,
            sql_message=failed.message,
        ),
    )
