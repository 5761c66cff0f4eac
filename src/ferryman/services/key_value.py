"""An app's key-value store on the site that a call is for (ADR 87)."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TypeVar

import msgspec

from ferryman import refusals
from ferryman.domain import entity as entity_rules
from ferryman.domain import key_value as key_value_rules
from ferryman.domain.key_value import NO_ENTITY, Name, Write
from ferryman.functions import manifest_entities
from ferryman.functions.manifest_entities import Entities
from ferryman.kvs_vocab import ReturnedValue
from ferryman.services import entity_places
from ferryman.services.platform import Platform, decode_cursor, encode_cursor
from ferryman.store import entity as entity_store
from ferryman.store import key_value as key_value_store
from ferryman.store.app import AppRow
from ferryman.store.database import Transaction
from ferryman.store.key_value import BEHIND_KEYS, AppSite, KeySpan, SiteRow, ValueRow

T = TypeVar("T")


def site_of(app: AppRow) -> AppSite:
    """Return where a caller keeps its values; refuse a token that is for no site."""
    if app.site is None:
        raise refusals.key_value.INSTALLATION_MISSING()
    return AppSite(app.app_id, app.site)


def entities_of(app: AppRow) -> Entities:
    """Return the entities that a caller declares."""
    return manifest_entities.entities_of(app.manifest)


def check_name(app: AppRow, name: Name) -> None:
    """Refuse the name of a value that cannot be, or whose entity is not declared."""
    entity, key = name
    if entity:
        entities_of(app).get(entity)
    key_value_rules.check_key(key, entity)


def checked(app: AppRow, write: Write) -> Write:
    """Return a write with its places in the indexes of its entity; refuse one that cannot be."""
    check_name(app, write.name)
    key_value_rules.check_value(write.value)
    if not write.entity:
        return write
    entity, value = entities_of(app).get(write.entity), msgspec.json.decode(write.value)
    entity_rules.check_value(entity, value)
    return replace(write, places=entity_rules.places(entity, value))


async def read(
    platform: Platform,
    app: AppRow,
    keys: Collection[str],
    *,
    secret: bool,
    entity: str = NO_ENTITY,
) -> dict[str, ValueRow]:
    """Return the values of those keys that have one."""
    where = site_of(app)
    for key in keys:
        check_name(app, (entity, key))
    async with platform.database.reading() as tx:
        return await key_value_store.of_keys(tx, where, keys, secret=secret, entity=entity)


async def page(
    platform: Platform, app: AppRow, prefix: str, *, cursor: str | None, limit: int | None
) -> tuple[list[ValueRow], str | None]:
    """Return a page of the values whose keys begin so, in order, and the next page's cursor."""
    where, size = site_of(app), key_value_rules.page_limit(limit)
    key_value_rules.check_characters(prefix)
    after = decode_cursor(cursor, *_query(where, prefix)) or ""
    key_value_rules.check_characters(after)
    span = KeySpan(first=prefix, behind=prefix + BEHIND_KEYS)
    async with platform.database.reading() as tx:
        rows, more = await key_value_store.page(tx, where, span, after=after, size=size)
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
    write = checked(app, write)
    async with admitted(platform, app, write.size):
        if returned is ReturnedValue.PREVIOUS:

            async def put_and_return(tx: Transaction, site: SiteRow) -> ValueRow | None:
                return await _replace(tx, app, site, write, secret=secret)

            return await in_transaction(platform, app, put_and_return, placed=bool(write.entity))
        stored = await put_all(platform, app, [write], secret=secret, override=write.override)
    if write.name not in stored:
        raise refusals.key_value.KEY_CONFLICT()
    return stored[write.name] if returned is ReturnedValue.LATEST else None


async def put_all(
    platform: Platform, app: AppRow, writes: Sequence[Write], *, secret: bool, override: bool
) -> dict[Name, ValueRow]:
    """Set values and return those that were set; plain values take one statement of their own."""
    where, placed = site_of(app), any(write.entity for write in writes)
    if not placed:
        async with platform.database.statement() as tx:
            stored = await key_value_store.put(tx, where, writes, secret=secret, override=override)
        if stored:
            return stored

    async def work(tx: Transaction, site: SiteRow) -> dict[Name, ValueRow]:
        return await put_and_place(tx, app, site, writes, secret=secret, override=override)

    # The app may never have been on the site, or another call opened it meanwhile.
    return await in_transaction(platform, app, work, placed=placed)


async def put_and_place(
    tx: Transaction,
    app: AppRow,
    site: SiteRow,
    writes: Sequence[Write],
    *,
    secret: bool,
    override: bool,
) -> dict[Name, ValueRow]:
    """Set values and index those of entities; return those that were set."""
    stored = await key_value_store.put(tx, site_of(app), writes, secret=secret, override=override)
    placed = [write for write in writes if write.entity and write.name in stored]
    if placed:
        await entity_store.replace(tx, site.app_site_id, placed)
    return stored


async def delete(
    platform: Platform,
    app: AppRow,
    keys: Collection[str],
    *,
    secret: bool,
    entity: str = NO_ENTITY,
) -> None:
    """Delete the values of those keys that have one."""
    where = site_of(app)
    for key in keys:
        check_name(app, (entity, key))
    async with platform.database.statement() as tx:
        await key_value_store.delete(tx, where, keys, secret=secret, entity=entity)


@asynccontextmanager
async def admitted(platform: Platform, app: AppRow, size: int) -> AsyncIterator[None]:
    """Count bytes that the block stores; refuse more than an app may hold."""
    async with AsyncExitStack() as until_stored:
        async with platform.database.reading() as tx:
            counted = platform.held_bytes.admit(tx, app.app_id, size)
            await until_stored.enter_async_context(counted)
        yield


async def in_transaction(
    platform: Platform,
    app: AppRow,
    work: Callable[[Transaction, SiteRow], Awaitable[T]],
    *,
    placed: bool,
) -> T:
    """Do work that writes values, in a transaction during which nobody deletes the rest.

    With ``placed``, all values are in the indexes of the entities as the app declares them now.
    """
    where = site_of(app)
    while True:
        async with platform.database.transaction() as tx:
            site = await key_value_store.hold_site(tx, where)
            if site and (not placed or site.placed_by == entities_of(app).digest):
                return await work(tx, site)
        if site is None:
            await _open(platform, where)
        else:
            await entity_places.place_all(platform, where, entities_of(app))


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
    tx: Transaction, app: AppRow, site: SiteRow, write: Write, *, secret: bool
) -> ValueRow | None:
    """Set a value and return the one before."""
    before = await key_value_store.hold(
        tx, site_of(app), write.key, secret=secret, entity=write.entity
    )
    await put_and_place(tx, app, site, [write], secret=secret, override=True)
    return before
