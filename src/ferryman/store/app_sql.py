"""Which apps have an SQL database on a site (ADR 90)."""

from collections.abc import Sequence
from uuid import UUID

from ferryman.store.database import SQL, Transaction
from ferryman.store.key_value import AppSite


async def begun(tx: Transaction, where: AppSite) -> bool:
    """Return whether an app has a database on a site."""
    return bool(await SQL.has_app_sql(tx.connection, app_id=where.app_id, site=where.site))


async def begin(tx: Transaction, where: AppSite) -> None:
    """Note that an app has a database on a site, which it keeps something on."""
    await SQL.begin_app_sql(tx.connection, app_id=where.app_id, site=where.site)


async def sites(
    tx: Transaction, app_id: UUID, site: str | None = None, *, began: str = ""
) -> list[str]:
    """Return the sites from ``began`` on where an app has a database."""
    rows = SQL.app_sql_sites_of_app(tx.connection, app_id=app_id, site=site, began=began)
    return [row["site"] async for row in rows]


async def with_database(tx: Transaction, app_site_ids: Sequence[int]) -> list[AppSite]:
    """Return the sites that have a database."""
    rows = SQL.app_sql_sites(tx.connection, app_site_ids=list(app_site_ids))
    return [AppSite(row["app_id"], row["site"]) async for row in rows]


async def every(tx: Transaction) -> list[AppSite]:
    """Return all apps' sites with a database."""
    return [AppSite(row["app_id"], row["site"]) async for row in SQL.every_app_sql(tx.connection)]


async def count(tx: Transaction) -> int:
    """Return how many databases all apps have."""
    return int(await SQL.app_sql_count(tx.connection))
