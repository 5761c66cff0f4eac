"""Which apps have an SQL database on a site (ADR 90)."""

from collections.abc import Sequence
from uuid import UUID

from ferryman.store.database import SQL, Transaction
from ferryman.store.key_value import AppSite


async def site_id(tx: Transaction, where: AppSite) -> int | None:
    """Return the id of a site where an app has a database, if it has one."""
    found: int | None = await SQL.app_sql_site(tx.connection, app_id=where.app_id, site=where.site)
    return found


async def begin(tx: Transaction, where: AppSite) -> int:
    """Note that an app has a database on a site, which it keeps something on; return its id."""
    return int(await SQL.begin_app_sql(tx.connection, app_id=where.app_id, site=where.site))


async def sites(
    tx: Transaction, app_id: UUID, site: str | None = None, *, began: str = ""
) -> dict[str, int]:
    """Return the sites from ``began`` on where an app has a database, with their ids."""
    rows = SQL.app_sql_sites_of_app(tx.connection, app_id=app_id, site=site, began=began)
    return {row["site"]: row["app_site_id"] async for row in rows}


async def with_database(tx: Transaction, app_site_ids: Sequence[int]) -> list[int]:
    """Return those of the sites where there is a database."""
    rows = SQL.app_sql_sites(tx.connection, app_site_ids=list(app_site_ids))
    return [row["app_site_id"] async for row in rows]
