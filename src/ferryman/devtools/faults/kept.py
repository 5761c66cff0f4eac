"""Read what the app under test keeps in Forge's services."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Protocol

import msgspec

from ferryman.domain.kept_state import comparable
from ferryman.domain.limits import ADMIN_PAGE
from ferryman.services import app_object_list, sql_rows, sql_tables
from ferryman.services import state as state_service
from ferryman.services.platform import Platform

_VALUES = state_service.StateQuery()
_ROWS = sql_rows.RowsQuery()


class _Page(Protocol):
    @property
    def items(self) -> Sequence[Any]: ...
    @property
    def next_cursor(self) -> str | None: ...


async def kept_lines(platform: Platform, app_id: str) -> list[str]:
    """Return a line of JSON for each value, table, row and object that the app keeps."""

    async def values(cursor: str | None) -> _Page:
        return await state_service.page(platform, app_id, _VALUES, cursor=cursor, size=ADMIN_PAGE)

    async def tables(cursor: str | None) -> _Page:
        return await sql_tables.page(platform, app_id, None, cursor=cursor, size=ADMIN_PAGE)

    async def rows(cursor: str | None) -> _Page:
        return await sql_rows.page(platform, app_id, _ROWS, cursor=cursor, size=ADMIN_PAGE)

    async def objects(cursor: str | None) -> _Page:
        return await app_object_list.page(platform, app_id, None, cursor=cursor, size=ADMIN_PAGE)

    found = [
        msgspec.json.decode(msgspec.json.encode(item))
        for fetch in (values, tables, rows, objects)
        async for item in _items(fetch)
    ]
    return [*comparable(found)]


async def _items(fetch: Callable[[str | None], Awaitable[_Page]]) -> AsyncIterator[Any]:
    cursor = None
    while True:
        page = await fetch(cursor)
        for item in page.items:
            yield item
        cursor = page.next_cursor
        if cursor is None:
            return
