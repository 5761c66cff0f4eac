"""Reaching the database at a start: what can pass is waited for, all else is refused at once."""

import asyncio
import ssl
from typing import Any

import asyncpg
import structlog

from ferryman.errors import ConfigError, OutsideError
from ferryman.store.database import open_pool
from ferryman.store.database_address import check_address, servers_named
from ferryman.store.probe import check_sessions

log = structlog.get_logger("ferryman.database")

_PATIENCE_SECONDS = 30.0
"""For a database to be there: its primary may be replaced at the moment at which we start."""

_PASSES = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InternalClientError,  # among them: a standby, where the address asks for a primary
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,  # it starts, stops, or ended what we asked for
    asyncpg.ReadOnlySQLTransactionError,
)
_STAYS = (PermissionError, ssl.SSLCertVerificationError)

_REFUSALS = (asyncpg.PostgresError, asyncpg.InterfaceError, *_STAYS)


async def reach(url: str, *, size: int) -> Any:
    """A pool of connections to ``url``, whose sessions have been shown to be what we need.

    Raises :class:`ConfigError` at once for what stays as it is, :class:`OutsideError`
    (``database_unavailable``) for what did not pass in time.
    """
    check_address(url)  # of others, parts could be shown that are a password
    loop = asyncio.get_running_loop()
    until = loop.time() + _PATIENCE_SECONDS
    while True:
        try:
            await check_sessions(url)
            return await open_pool(url, size=size)
        except _PASSES + _REFUSALS as exc:
            if not can_pass(exc):
                raise refused(exc) from exc
            if loop.time() > until:
                raise OutsideError(
                    "database_unavailable",
                    expected=f"an answer from PostgreSQL at {servers_named(url)}",
                    found=sentence(exc),
                    fix="See that it runs, and that --database-url names it.",
                ) from exc
            log.warning("database.waits", server=servers_named(url), reason=sentence(exc))
            await asyncio.sleep(1.0)


def can_pass(problem: BaseException) -> bool:
    """Whether another attempt may succeed though nobody changes anything.

    PgBouncer has one code, 08P01, for what passes and for what does not.
    """
    return isinstance(problem, _PASSES) and not isinstance(problem, _STAYS)


def refused(problem: BaseException) -> ConfigError:
    """The database's own refusal as one of ours, with its sentence."""
    return ConfigError(
        "database_refused",
        expected="a database of its own, in which Ferryman may create tables",
        found=sentence(problem),
        fix=_fix(problem),
    )


def _fix(problem: BaseException) -> str:
    match problem:
        case asyncpg.InvalidCatalogNameError():
            return "Create the database, or correct its name in --database-url."
        case asyncpg.InvalidAuthorizationSpecificationError():
            return "Correct user and password in --database-url, or what the server admits."
        case asyncpg.InsufficientPrivilegeError() | asyncpg.InvalidSchemaNameError():
            return (
                "Make the role the owner of the database, or GRANT it CONNECT on the database, "
                "and USAGE and CREATE on the schema."
            )
        case asyncpg.DuplicateTableError() | asyncpg.DuplicateObjectError():
            return "Name an empty database by --database-url, or the one that Ferryman has used."
        case _:
            return "Correct --database-url, or the server that it names."


def sentence(problem: BaseException) -> str:
    """What the server said, with its code; for all else the error's own words."""
    if isinstance(problem, asyncpg.PostgresError):
        return f"{problem.message} ({problem.sqlstate})"
    words = " ".join(str(problem).split())
    return f"{type(problem).__name__}: {words}" if words else type(problem).__name__
