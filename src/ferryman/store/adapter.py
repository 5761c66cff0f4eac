"""How statements run: on a connection of asyncpg, never on a pool.

The adapter that comes with ``aiosql`` asks ``dir(connection)`` before each statement, whether it
was given a pool, and that takes longer than all else it does.
"""

from collections.abc import AsyncIterator
from typing import Any

from aiosql.adapters.asyncpg import AsyncPGAdapter


class ConnectionAdapter(AsyncPGAdapter):
    """The kinds of statement that our ``.sql`` files have."""

    def _ordered(self, query_name: str, parameters: dict[str, Any]) -> list[Any]:
        return [parameters[name] for name in self.var_sorted[query_name]]

    async def select(
        self, conn: Any, query_name: str, sql: str, parameters: Any, record_class: Any = None
    ) -> AsyncIterator[Any]:
        """All rows, read at once."""
        del record_class
        for row in await conn.fetch(sql, *self._ordered(query_name, parameters)):
            yield row

    async def select_one(
        self, conn: Any, query_name: str, sql: str, parameters: Any, record_class: Any = None
    ) -> Any:
        """The first row, or None."""
        del record_class
        return await conn.fetchrow(sql, *self._ordered(query_name, parameters))

    async def select_value(self, conn: Any, query_name: str, sql: str, parameters: Any) -> Any:
        """The first value of the first row, or None."""
        return await conn.fetchval(sql, *self._ordered(query_name, parameters))

    async def insert_update_delete(
        self, conn: Any, query_name: str, sql: str, parameters: Any
    ) -> Any:
        """The server's word for what it did."""
        return await conn.execute(sql, *self._ordered(query_name, parameters))
