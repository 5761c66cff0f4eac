"""The rows that apps keep in their SQL databases: shown and loaded for the operator (ADR 112)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from ferryman import refusals
from ferryman.domain import sql as sql_rules
from ferryman.domain import sql_rows as row_rules
from ferryman.domain.access import PLATFORM, Actor
from ferryman.domain.limits import ADMIN_PAGE, KEY_CHARACTERS, STATE_ENTRIES
from ferryman.errors import Invalid, PlatformError
from ferryman.services import app as app_service
from ferryman.services import audit
from ferryman.services import sql as sql_service
from ferryman.services.keyset import decode_values, encode_values
from ferryman.services.platform import Platform, check_text, page_size
from ferryman.store import app_sql as app_sql_store
from ferryman.store import key_value as key_value_store
from ferryman.store.app import AppRow
from ferryman.store.key_value import PAGE_BYTES, AppSite
from ferryman.store.mariadb.row_keys import KeyCell
from ferryman.store.mariadb.table_rows import RowsWanted
from ferryman.wire.state import LoadedRows, RowsLoad, StateTableRow, StateTableRowPage

_FIRST: tuple[str, str, int, list[KeyCell]] = ("", "", 0, [])
"""The place before the first row: its site and table, its number there, and the key before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsQuery:
    """A filter: rows on a site, of a table."""

    site: str | None = None
    table: str | None = None


async def page(
    platform: Platform,
    name: str,
    which: RowsQuery,
    by: Actor = PLATFORM,
    *,
    cursor: str | None,
    size: int | None,
) -> StateTableRowPage:
    """Return a page of an app's rows, and record the call in the audit log.

    A page continues after the primary key of the last row, if that key consists of numbers and
    short texts, else by position: then rows written in the meantime may be missed or come twice.
    """
    limit = page_size(size, default=100, greatest=ADMIN_PAGE)
    for text in (which.site or "", which.table or ""):
        check_text("text", text, longest=KEY_CHARACTERS)
    chosen = None if which.site is None else which.site.rstrip("/")
    async with platform.database.transaction() as tx:
        app = await app_service.find(tx, name, by.reach)
        query = ("rows", app.app_id, chosen, which.table)
        first = decode_values(cursor, tuple[str, str, int, list[KeyCell]], *query) or _FIRST
        sites = await app_sql_store.sites(tx, app.app_id, chosen, began=first[0])
        await audit.record(tx, by, "list_rows", app.app_id, after={"site": chosen})
    items: list[StateTableRow] = []
    room = PAGE_BYTES
    for site in sites:
        began, position, key = first[1:] if site == first[0] else _FIRST[1:]
        wanted = RowsWanted(
            only=which.table,
            began=began,
            position=position,
            size=limit - len(items),
            room=room,
            key=key,
        )
        database = await sql_service.database_of(platform, AppSite(app.app_id, site))
        found, more = await platform.app_databases.rows(database, wanted)
        items += [
            StateTableRow(site=site, table=each.table, row=msgspec.Raw(each.row)) for each in found
        ]
        room -= sum(len(each.row) for each in found)
        if more:
            last = found[-1]
            following = (site, last.table, last.position + 1, last.key)
            return StateTableRowPage(items=items, next_cursor=encode_values(following, *query))
    return StateTableRowPage(items=items)


async def load(
    platform: Platform, name: str, request: RowsLoad, by: Actor = PLATFORM
) -> LoadedRows:
    """Make a table or view if there is none, and store rows of it, all of them or none."""
    if len(request.rows) > STATE_ENTRIES:
        raise refusals.sql.TOO_MANY_ROWS(limit=STATE_ENTRIES, count=len(request.rows))
    site = request.site.rstrip("/")
    for text in (site, request.table, *request.columns):
        check_text("text", text, longest=KEY_CHARACTERS)
    async with platform.database.reading() as tx:
        app = replace(await app_service.find(tx, name, by.reach), site=site)
    made = await _defined(platform, app, request)
    try:
        await _store(platform, app, request)
    except PlatformError:
        if made:
            await _note(platform, app, request.table, 0, by)
        raise
    await _note(platform, app, request.table, len(request.rows), by)
    return LoadedRows(stored=len(request.rows), made=made)


async def _note(platform: Platform, app: AppRow, table: str, rows: int, by: Actor) -> None:
    after = {"site": app.site, "table": table, "rows": rows}
    async with platform.database.transaction() as tx:
        await audit.record(tx, by, "load_rows", app.app_id, after=after)


async def _defined(platform: Platform, app: AppRow, request: RowsLoad) -> bool:
    """Make the table unless it is there; return whether it was made."""
    if request.definition is None:
        return False
    if not sql_rules.enabled(app.manifest):
        raise refusals.sql.APP_NOT_ENABLED()
    if await _columns(platform, app, request.table):
        return False
    try:
        await _make(platform, app, request)
    except Invalid:
        # Another load may have made it meanwhile.
        if not await _columns(platform, app, request.table):
            raise
        return False
    return True


async def _store(platform: Platform, app: AppRow, request: RowsLoad) -> None:
    if request.definition is None and not request.rows:
        return
    if not sql_rules.enabled(app.manifest):
        raise refusals.sql.APP_NOT_ENABLED()
    known = await _columns(platform, app, request.table)
    if not known:
        raise refusals.sql.TABLE_UNKNOWN(table=request.table)
    if request.rows:
        rows = row_rules.checked(request.columns, request.rows, known)
        await sql_service.put(platform, app, request.table, request.columns, rows)


async def _columns(platform: Platform, app: AppRow, table: str) -> Sequence[str]:
    site = AppSite(app.app_id, app.site or "")
    async with platform.database.reading() as tx:
        if not await app_sql_store.begun(tx, site):
            return ()
    database = await sql_service.database_of(platform, site)
    return await platform.app_databases.columns(database, table)


async def _make(platform: Platform, app: AppRow, request: RowsLoad) -> None:
    definition = request.definition or ""
    row_rules.check_definition(sql_rules.checked(definition).outline)
    async with platform.database.transaction() as tx:
        site = AppSite(app.app_id, app.site or "")
        if not await key_value_store.open_site(tx, site, planned=False):
            raise refusals.app.NOT_FOUND(id=app.cloud_app_key)
    await sql_service.execute(platform, app, definition, [], len(definition.encode()))
