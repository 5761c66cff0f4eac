"""Connect at startup: retry what may pass, refuse everything else at once."""

import asyncio
import ssl
from typing import Any

import asyncpg
import structlog

from ferryman import refusals
from ferryman.errors import ConfigError
from ferryman.store.database import open_pool
from ferryman.store.database_address import check_address, servers_named
from ferryman.store.probe import check_sessions

log = structlog.get_logger("ferryman.database")

_PATIENCE_SECONDS = 30.0
"""How long to wait for the database: a failover may be under way while we start."""

_PASSES = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InternalClientError,  # for example a standby where the URL asks for a primary
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,  # starting up, shutting down, or our query was cancelled
    asyncpg.ReadOnlySQLTransactionError,
)
_STAYS = (PermissionError, ssl.SSLCertVerificationError)

_REFUSALS = (asyncpg.PostgresError, asyncpg.InterfaceError, *_STAYS)


async def wait_until_available(url: str, *, size: int) -> Any:
    """Return a connection pool for ``url``, after checking that its sessions are usable.

    Raises :class:`ConfigError` at once for a permanent problem, and :class:`OutsideError`
    (``database_unavailable``) if a transient one lasts too long.
    """
    check_address(url)  # a malformed URL could leak parts of its password into our messages
    loop = asyncio.get_running_loop()
    until = loop.time() + _PATIENCE_SECONDS
    while True:
        try:
            await check_sessions(url)
            return await open_pool(url, size=size)
        except _PASSES + _REFUSALS as exc:
            if not is_transient(exc):
                raise refused(exc) from exc
            if loop.time() > until:
                raise refusals.database.UNAVAILABLE_AT_START(
                    servers=servers_named(url), found=sentence(exc)
                ) from exc
            log.warning("database.waits", server=servers_named(url), reason=sentence(exc))
            await asyncio.sleep(1.0)


def is_transient(problem: BaseException) -> bool:
    """Return whether a retry may succeed without a change of the configuration.

    PgBouncer reports transient and permanent problems under the same code, 08P01.
    """
    return isinstance(problem, _PASSES) and not isinstance(problem, _STAYS)


def refused(problem: BaseException) -> ConfigError:
    """Return the database's own refusal as a :class:`ConfigError` that quotes it."""
    return _row(problem)(found=sentence(problem))


def _row(problem: BaseException) -> refusals.Refusal[ConfigError]:
    match problem:
        case asyncpg.InvalidCatalogNameError():
            return refusals.database.REFUSED_NAME
        case asyncpg.InvalidAuthorizationSpecificationError():
            return refusals.database.REFUSED_LOGIN
        case asyncpg.InsufficientPrivilegeError() | asyncpg.InvalidSchemaNameError():
            return refusals.database.REFUSED_RIGHTS
        case asyncpg.DuplicateTableError() | asyncpg.DuplicateObjectError():
            return refusals.database.REFUSED_NOT_EMPTY
        case _:
            return refusals.database.REFUSED


def sentence(problem: BaseException) -> str:
    """Return the server's message and SQLSTATE, or the text of any other error."""
    if isinstance(problem, asyncpg.PostgresError) and problem.message:
        return f"{problem.message} ({problem.sqlstate})"
    words = " ".join(str(problem).split())
    return f"{type(problem).__name__}: {words}" if words else type(problem).__name__
