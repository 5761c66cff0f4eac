"""An app's SQL database on the site that a call is for (ADR 90)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from typing import TypeVar

from ferryman import refusals
from ferryman.domain import sql as sql_rules
from ferryman.domain.limits import SQL_ANSWER_BYTES, SQL_QUERY_BYTES, SQL_TABLES
from ferryman.domain.sql import SqlStatement
from ferryman.ids import new_secret
from ferryman.services import key_value as key_value_service
from ferryman.services.platform import Platform
from ferryman.store import app_sql as app_sql_store
from ferryman.store import secret as secret_store
from ferryman.store.app import AppRow
from ferryman.store.database import Database, Transaction
from ferryman.store.key_value import AppSite, SiteRow
from ferryman.store.mariadb.client import (
    SqlAnswer,
    StatementFailed,
    is_denied,
    is_timeout,
    is_wrong_count,
)
from ferryman.store.mariadb.databases import DatabaseMissing
from ferryman.store.mariadb.row_loading import RowsLoaded
from ferryman.store.mariadb.values import Cell, Value

T = TypeVar("T")

_LONG = 8 << 10
_TRIES = 3
"""How often a database is made again when another process drops it at the same time."""

_UNLIMITED = frozenset({"staging", "production"})
"""Environments without the limit of bytes that Forge has in development (sql-limits)."""


async def execute(
    platform: Platform, app: AppRow, query: str, values: Sequence[Value], size: int
) -> SqlAnswer:
    """Execute one statement in a session of its own; ``size`` is that of the call.

    Raises what :func:`ferryman.domain.sql.checked` does, ``sql_app_not_enabled``,
    ``sql_too_many_tables``, ``sql_storage_exceeded``, ``sql_query_timed_out``, and
    ``sql_execution_error``, whose cause is a :class:`StatementFailed`.
    """
    if not sql_rules.enabled(app.manifest):
        raise refusals.sql.APP_NOT_ENABLED()
    key_value_service.site_of(app)
    if size > SQL_QUERY_BYTES:
        raise refusals.sql.QUERY_TOO_LARGE(limit=SQL_QUERY_BYTES, size=size)
    if len(query) < _LONG:
        statement = sql_rules.checked(query)
    else:
        statement = await asyncio.to_thread(sql_rules.checked, query)

    async def work(database: str, now: float | None) -> SqlAnswer:
        return await _run(platform, app, database, statement, values, now)

    return await _on_database(platform, app, work)


async def put(
    platform: Platform,
    app: AppRow,
    table: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Cell]],
) -> None:
    """Replace or add rows of a table for the operator, all of them or none.

    Raises ``sql_storage_exceeded`` and ``sql_rows_refused``.
    """
    secret = await _secret(platform)

    async def work(database: str, now: float | None) -> None:
        await _admit(platform, app, database)
        loaded = RowsLoaded(table=table, columns=columns, rows=rows, now=now)
        try:
            await platform.app_databases.put(database, secret, loaded)
        except StatementFailed as failed:
            raise refusals.sql.ROWS_REFUSED(table=table, name=failed.name) from failed

    await _on_database(platform, app, work)


async def _on_database(
    platform: Platform, app: AppRow, work: Callable[[str, float | None], Awaitable[T]]
) -> T:
    """Do work on the database of an app's site, which is made if it is not there.

    It gets the database's name, and the time that it takes it to be; None is the real one.
    """
    where = key_value_service.site_of(app)
    secret = await _secret(platform)
    for _ in range(_TRIES):
        async with platform.database.reading() as tx:
            made = await app_sql_store.begun(tx, where)
            now = tx.now.timestamp() if platform.database.virtual else None
        if made:
            try:
                return await work(name_of(secret, where), now)
            except DatabaseMissing:
                pass
        await _make(platform, app, secret)
    raise refusals.sql.UNAVAILABLE(found="a database that is dropped again and again")


async def _run(
    platform: Platform,
    app: AppRow,
    database: str,
    statement: SqlStatement,
    values: Sequence[Value],
    now: float | None,
) -> SqlAnswer:
    databases, secret = platform.app_databases, await _secret(platform)
    if statement.makes_table:
        count, _ = await databases.usage(database)
        if count >= SQL_TABLES:
            raise refusals.sql.TOO_MANY_TABLES(limit=SQL_TABLES, count=count)
    if statement.grows:
        await _admit(platform, app, database)
    try:
        return await databases.run(
            database, secret, statement, values, now=now, greatest=SQL_ANSWER_BYTES
        )
    except StatementFailed as failed:
        if is_timeout(failed):
            raise refusals.sql.TIMED_OUT(seconds=statement.seconds) from failed
        if is_denied(failed):
            raise refusals.sql.POLICY_VIOLATION(found=f"the error {failed.name}") from failed
        if is_wrong_count(failed):
            raise refusals.sql.INVALID_QUERY(found=f"{len(values)} values") from failed
        raise refusals.sql.EXECUTION_ERROR(name=failed.name) from failed


async def _admit(platform: Platform, app: AppRow, database: str) -> None:
    """Refuse to let a database grow that is too large."""
    if app.environment not in _UNLIMITED:
        await platform.sql_bytes.admit(database, platform.app_databases.usage)


async def database_of(platform: Platform, where: AppSite) -> str:
    """Return the name of the database of an app's site."""
    return name_of(await _secret(platform), where)


async def drop(platform: Platform, tx: Transaction, app_site_ids: Sequence[int]) -> int:
    """Drop the databases of sites, whose rows the caller holds; return their number."""
    sites = await app_sql_store.with_database(tx, app_site_ids)
    if sites:
        secret = await _secret(platform)
        await platform.app_databases.drop([name_of(secret, each) for each in sites])
    return len(sites)


async def _make(platform: Platform, app: AppRow, secret: bytes) -> None:
    """Make a database; its row says so first, and is held meanwhile, so that none is forgotten."""

    where = key_value_service.site_of(app)

    async def note(tx: Transaction, _: SiteRow) -> None:
        await app_sql_store.begin(tx, where)

    async def create(tx: Transaction, _: SiteRow) -> None:
        if await app_sql_store.begun(tx, where):
            await platform.app_databases.make(name_of(secret, where), secret)

    # Nothing is noted where no server is, which would have to be there to forget it again.
    await platform.app_databases.reach()
    await key_value_service.in_transaction(platform, app, note, placed=False)
    await key_value_service.in_transaction(platform, app, create, placed=False)


async def _secret(platform: Platform) -> bytes:
    """Return the secret from which names and passwords of databases are derived."""
    return await platform.app_databases.secret(lambda: secret_in(platform.database))


async def secret_in(database: Database) -> bytes:
    """Return the secret of a platform's database, which is made if there is none."""
    async with database.transaction() as tx:
        return await secret_store.get_or_create(tx, "app-sql", new_secret)


def name_of(secret: bytes, where: AppSite) -> str:
    """Return the name of a database, of letters and digits alone, since grants have wildcards.

    Platforms that share a server have different names, and so has every other app and site: the id
    of a site's row may be given again after a restore, and its database may still be there.
    """
    site = sha256(f"{where.app_id} {where.site}".encode()).hexdigest()[:32]
    return f"ferryman{sha256(secret).hexdigest()[:12]}x{site}"
