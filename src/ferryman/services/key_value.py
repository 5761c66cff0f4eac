"""An app's key-value store on the site that a call is for (ADR 87)."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TypeVar

from ferryman import refusals
from ferryman.domain import key_value as key_value_rules
from ferryman.domain.key_value import Write
from ferryman.kvs_vocab import ReturnedValue
from ferryman.services.platform import Platform, decode_cursor, encode_cursor
from ferryman.store import key_value as key_value_store
from ferryman.store.app import AppRow
from ferryman.store.database import Transaction
from ferryman.store.key_value import AppSite, ValueRow

T = TypeVar("T")

_TRIES = 10
"""Attempts to read a value that others set and delete meanwhile."""


def site_of(app: AppRow) -> AppSite:
    """Return where a caller keeps its values; refuse a token that is for no site."""
    if app.site is None:
        raise refusals.key_value.INSTALLATION_MISSING()
    return AppSite(app.app_id, app.site)


async def read(
    platform: Platform, app: AppRow, keys: Collection[str], *, secret: bool
) -> dict[str, ValueRow]:
    """Return the values of those keys that have one."""
    where = site_of(app)
    for key in keys:
        key_value_rules.check_key(key)
    async with platform.database.reading() as tx:
        return await key_value_store.of_keys(tx, where, keys, secret=secret)


async def page(
    platform: Platform, app: AppRow, prefix: str, *, cursor: str | None, limit: int | None
) -> tuple[list[ValueRow], str | None]:
    """Return a page of the values whose keys begin so, in order, and the next page's cursor."""
    where, size = site_of(app), key_value_rules.page_limit(limit)
    key_value_rules.check_characters(prefix)
    after = decode_cursor(cursor, *_query(where, prefix)) or ""
    key_value_rules.check_characters(after)
    async with platform.database.reading() as tx:
        rows, more = await key_value_store.page(tx, where, prefix=prefix, after=after, size=size)
    return rows, cursor_after(app, prefix, rows[-1].key) if more else None


def cursor_after(app: AppRow, prefix: str, key: str) -> str:
    """Return the cursor of a page that begins after a key."""
    return encode_cursor(key, *_query(site_of(app), prefix))


def _query(where: AppSite, prefix: str) -> tuple[object, ...]:
    return "values", where.app_id, where.site, prefix


async def put(
    platform: Platform,
    app: AppRow,
    write: Write,
    *,
    secret: bool,
    returned: ReturnedValue | None = None,
) -> ValueRow | None:
    """Set a value; return the one that is asked for, None if there is none.

    Raises :class:`Conflict` (``kvs_key_conflict``).
    """
    where = site_of(app)
    key_value_rules.check_key(write.key)
    key_value_rules.check_value(write.value)
    await admit(platform, app, write.size)
    if returned is ReturnedValue.PREVIOUS:

        async def replace(tx: Transaction) -> ValueRow | None:
            return await _replace(tx, where, write, secret=secret)

        return await in_transaction(platform, where, replace)
    stored = await put_all(platform, where, [write], secret=secret, override=write.override)
    if write.key not in stored:
        raise refusals.key_value.KEY_CONFLICT()
    return stored[write.key] if returned is ReturnedValue.LATEST else None


async def put_all(
    platform: Platform, where: AppSite, writes: Sequence[Write], *, secret: bool, override: bool
) -> dict[str, ValueRow]:
    """Set values by one statement, and return those that were set."""
    async with platform.database.statement() as tx:
        stored = await key_value_store.put(tx, where, writes, secret=secret, override=override)
    if stored:
        return stored

    async def again(tx: Transaction) -> dict[str, ValueRow]:
        return await key_value_store.put(tx, where, writes, secret=secret, override=override)

    # The app may never have been on the site, or another call opened it meanwhile.
    return await in_transaction(platform, where, again)


async def delete(platform: Platform, app: AppRow, keys: Collection[str], *, secret: bool) -> None:
    """Delete the values of those keys that have one."""
    where = site_of(app)
    for key in keys:
        key_value_rules.check_key(key)
    async with platform.database.statement() as tx:
        await key_value_store.delete(tx, where, keys, secret=secret)


async def admit(platform: Platform, app: AppRow, size: int) -> None:
    """Count bytes that are about to be stored; refuse more than an app may hold."""
    async with platform.database.reading() as tx:
        await platform.held_bytes.admit(tx, app, size)


async def in_transaction(
    platform: Platform, where: AppSite, work: Callable[[Transaction], Awaitable[T]]
) -> T:
    """Do work that writes values, in a transaction during which nobody deletes the rest."""
    while True:
        async with platform.database.transaction() as tx:
            if await key_value_store.hold_site(tx, where):
                return await work(tx)
        await _open(platform, where)


async def _open(platform: Platform, where: AppSite) -> None:
    """Open a site that the app was never on.

    Raises :class:`NotAllowed` (``kvs_installation_gone``).
    """
    async with platform.database.transaction() as tx:
        if await key_value_store.hold_site(tx, where):
            return
        if not await key_value_store.open_site(tx, where, planned=True):
            raise refusals.key_value.INSTALLATION_GONE()


async def _replace(
    tx: Transaction, where: AppSite, write: Write, *, secret: bool
) -> ValueRow | None:
    """Set a value and return the one before."""
    for _ in range(_TRIES):
        if await key_value_store.put(tx, where, [write], secret=secret, override=False):
            return None
        before = await key_value_store.lock(tx, where, write.key, secret=secret)
        if before is not None:  # else it was deleted meanwhile
            await key_value_store.put(tx, where, [write], secret=secret, override=True)
            return before
    raise refusals.key_value.KEY_CONFLICT()
