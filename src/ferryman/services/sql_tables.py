"""The tables that apps keep in their SQL databases, for the operator (ADR 90)."""

from ferryman.domain.access import PLATFORM, Actor
from ferryman.domain.limits import ADMIN_PAGE, KEY_CHARACTERS
from ferryman.services import app as app_service
from ferryman.services import audit
from ferryman.services import sql as sql_service
from ferryman.services.keyset import decode_values, encode_values
from ferryman.services.platform import Platform, check_text, page_size
from ferryman.store import app_sql as app_sql_store
from ferryman.store.key_value import AppSite
from ferryman.store.mariadb.table_rows import AppTable
from ferryman.wire.state import StateTable, StateTablePage

_FIRST = ("", False, "")
"""The position before the first table of the first site."""


async def page(
    platform: Platform,
    name: str,
    site: str | None,
    by: Actor = PLATFORM,
    *,
    cursor: str | None,
    size: int | None,
) -> StateTablePage:
    """Return a page of an app's tables by site and name; that they were asked for is audited."""
    limit = page_size(size, default=100, greatest=ADMIN_PAGE)
    check_text("cloud_url", site or "", longest=KEY_CHARACTERS)
    chosen = None if site is None else site.rstrip("/")
    async with platform.database.transaction() as tx:
        app = await app_service.find(tx, name, by.reach)
        query = ("tables", app.app_id, chosen)
        began, view, last_name = decode_values(cursor, tuple[str, bool, str], *query) or _FIRST
        sites = await app_sql_store.sites(tx, app.app_id, chosen, began=began)
        await audit.record(tx, by, "list_tables", app.app_id, after={"site": chosen})
    items: list[StateTable] = []
    for each in sites:
        found = await platform.app_databases.tables(
            await sql_service.database_of(platform, AppSite(app.app_id, each)),
            after=(view, last_name) if each == began else _FIRST[1:],
            size=limit + 1 - len(items),
        )
        items += [_shown(each, table) for table in found]
        if len(items) > limit:
            last = items[limit - 1]
            following = encode_values((last.site, last.view, last.table), *query)
            return StateTablePage(items=items[:limit], next_cursor=following)
    return StateTablePage(items=items)


def _shown(site: str, table: AppTable) -> StateTable:
    return StateTable(
        site=site,
        table=table.name,
        rows=table.rows,
        view=table.is_view,
        definition=table.definition,
    )
