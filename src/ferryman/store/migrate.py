"""Bring a database to the current schema: our migrations in order, and pgqueuer's own tables."""

from importlib.resources import files
from typing import Any

from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.queries import Queries

_LOCK = 7_302_114_900
"""Advisory lock that lets one process migrate while others wait."""

_HISTORY = """
CREATE TABLE IF NOT EXISTS schema_history (
    name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())
"""


async def migrate(connection: Any) -> list[str]:
    """Apply what is missing and return the names of what was applied.

    Each migration is one transaction; killed in between, the next call goes on.
    """
    await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
    try:
        await connection.execute(_HISTORY)
        done = {row["name"] for row in await connection.fetch("SELECT name FROM schema_history")}
        applied = []
        folder = files("ferryman.store") / "migrations"
        for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
            if file.name.endswith(".sql") and file.name not in done:
                async with connection.transaction():
                    await connection.execute(file.read_text())
                    await connection.execute(
                        "INSERT INTO schema_history (name) VALUES ($1)", file.name
                    )
                applied.append(file.name)
        await _install_queue(connection)
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)
    return applied


async def _install_queue(connection: Any) -> None:
    queue = Queries(AsyncpgDriver(connection))
    if await queue.schema_is_installed():
        await queue.upgrade()
    else:
        async with connection.transaction():
            await queue.install()
