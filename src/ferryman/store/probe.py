"""Whether sessions of the database are what the platform rests on, tried before it starts.

A pooler between may hand out another session for each transaction. Then prepared statements are
not found, locks stay behind on sessions of others, and notifications reach nobody.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from ferryman.errors import ConfigError
from ferryman.store.database import CONNECTION_LOST, connect

_OLDEST = 15
_SECONDS = 10.0
"""For a notification, which takes milliseconds, on a machine that is very busy."""


async def check_sessions(url: str) -> None:
    """Try two sessions that are thrown away; nothing is locked or written.

    Raises :class:`ConfigError` for a database that cannot be used, and what asyncpg raises.
    """
    first = await connect(url)
    try:
        _check_server(first)
        second = await connect(url)
        try:
            await _check_kept(first, second)
        finally:
            second.terminate()
    finally:
        first.terminate()


def _check_server(connection: Any) -> None:
    version = connection.get_server_version()
    if version.major < _OLDEST:
        raise ConfigError(
            "database_too_old",
            expected=f"PostgreSQL {_OLDEST} or newer",
            found=f"version {version.major}",
            fix="Upgrade it, or name another by --database-url.",
        )
    encoding = connection.get_settings().server_encoding
    if encoding != "UTF8":
        raise ConfigError(
            "database_encoding",
            expected="a database in UTF8, which holds text of every language",
            found=str(encoding),
            fix="Create one with ENCODING 'UTF8' TEMPLATE template0, and name it by "
            "--database-url.",
        )


async def _check_kept(first: Any, second: Any) -> None:
    """While ``second`` has a transaction, ``first`` must still have its own session."""
    heard = asyncio.Event()
    try:
        statement = await first.prepare("SELECT pg_backend_pid()")
        backend = await statement.fetchval()
        channel = f"ferryman_probe_{backend}"
        await first.execute(f"SET ferryman.probe = '{channel}'")
        await first.add_listener(channel, lambda *_: heard.set())
        async with _transaction(second, first):
            kept = await statement.fetchval() == backend
            value = await first.fetchval("SELECT current_setting('ferryman.probe', true)")
            if not kept or value != channel:
                raise _pooled("another session for the next transaction")
            await second.execute(f"NOTIFY {channel}")
    except asyncpg.ProtocolViolationError as exc:
        raise _pooled(exc.message) from exc
    except CONNECTION_LOST:
        raise
    except asyncpg.PostgresError as exc:
        raise _pooled(exc.message) from exc
    try:
        async with asyncio.timeout(_SECONDS):
            await heard.wait()
    except TimeoutError:
        raise _pooled("a notification that was sent and did not come") from None


@asynccontextmanager
async def _transaction(connection: Any, other: Any) -> AsyncIterator[None]:
    """Begin one; a pooler in statement mode closes the session instead."""
    try:
        async with connection.transaction():
            yield
    except asyncpg.ConnectionDoesNotExistError:
        if other.is_closed():  # it was the server
            raise
        raise _pooled("the end of a session that began a transaction") from None


def _pooled(found: str) -> ConfigError:
    return ConfigError(
        "database_pooled",
        expected="sessions of PostgreSQL that last: prepared statements, SET, LISTEN and NOTIFY",
        found=f"{found}, as behind a pooler in transaction or statement mode",
        fix="Set pool_mode = session in PgBouncer, or name PostgreSQL itself by --database-url.",
    )
