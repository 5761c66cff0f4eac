"""The database itself, past the platform."""

import asyncio
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg


def database_url(server: str, name: str) -> str:
    """Return the address of another database of the same server."""
    return urlunsplit(urlsplit(server)._replace(path=f"/{name}"))


async def execute(url: str, *statements: str) -> None:
    """Run statements, each in a transaction of its own."""
    connection: Any = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def fetch(url: str, query: str, *arguments: Any) -> list[Any]:
    """Return the rows of a query."""

    async def run() -> list[Any]:
        connection: Any = await asyncpg.connect(url)
        try:
            return list(await connection.fetch(query, *arguments))
        finally:
            await connection.close()

    return asyncio.run(run())


async def until_blocked(connection: Any, task: "asyncio.Task[Any]") -> int:
    """Wait until the session of a task waits for this connection; return its process."""
    # Of pg_stat_activity a transaction sees only the sessions that its first look saw.
    waits = (
        "SELECT pid FROM pg_locks"
        " WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
    )
    while (pid := await connection.fetchval(waits)) is None:
        assert not task.done()
        await asyncio.sleep(0.01)
    return int(pid)
