"""Check at startup that database sessions behave as the platform requires.

A pooler in between may hand out another session for each transaction. Then prepared statements
disappear, locks stay behind on other clients' sessions, and notifications reach nobody.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from ferryman import refusals
from ferryman.store.database import CONNECTION_LOST, connect

_OLDEST = 15
_SECONDS = 10.0
"""Timeout for a notification. It takes milliseconds, but the machine may be very busy."""


async def check_sessions(url: str) -> None:
    """Check two throw-away sessions; nothing is locked or written.

    Raises :class:`ConfigError` for an unusable database, and asyncpg's own errors.
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
        raise refusals.database.TOO_OLD(oldest=_OLDEST, version=version.major)
    encoding = connection.get_settings().server_encoding
    if encoding != "UTF8":
        raise refusals.database.ENCODING(encoding=encoding)


async def _check_kept(first: Any, second: Any) -> None:
    """Check that ``first`` keeps its session while ``second`` is in a transaction."""
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
                raise refusals.database.POOLED(found="another session for the next transaction")
            await second.execute(f"NOTIFY {channel}")
    except asyncpg.ProtocolViolationError as exc:
        raise refusals.database.POOLED(found=exc.message) from exc
    except CONNECTION_LOST:
        raise
    except asyncpg.PostgresError as exc:
        raise refusals.database.POOLED(found=exc.message) from exc
    try:
        async with asyncio.timeout(_SECONDS):
            await heard.wait()
    except TimeoutError:
        raise refusals.database.POOLED(
            found="a notification that was sent and did not come"
        ) from None


@asynccontextmanager
async def _transaction(connection: Any, other: Any) -> AsyncIterator[None]:
    """Open a transaction; a pooler in statement mode closes the session instead."""
    try:
        async with connection.transaction():
            yield
    except asyncpg.ConnectionDoesNotExistError:
        if other.is_closed():  # the server went away, not a pooler
            raise
        raise refusals.database.POOLED(
            found="the end of a session that began a transaction"
        ) from None
