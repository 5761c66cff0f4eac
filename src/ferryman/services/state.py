"""Show, load and reset what an app keeps in Forge's services (ADR 87)."""

from dataclasses import dataclass, replace

import msgspec

from ferryman import refusals
from ferryman.clock import epoch_ms
from ferryman.domain import key_value as key_value_rules
from ferryman.domain.access import PLATFORM, Actor
from ferryman.domain.key_value import NO_ENTITY, Name, Write
from ferryman.domain.limits import ADMIN_PAGE, KEY_CHARACTERS, STATE_ENTRIES
from ferryman.services import app as app_service
from ferryman.services import audit, purge
from ferryman.services import key_value as key_value_service
from ferryman.services.keyset import decode_values, encode_values
from ferryman.services.platform import (
    Platform,
    check_text,
    page_size,
)
from ferryman.store import app_sql as app_sql_store
from ferryman.store import key_value as key_value_store
from ferryman.store import state as state_store
from ferryman.store.app import AppRow
from ferryman.store.database import Transaction
from ferryman.store.key_value import PAGE_BYTES, AppSite, SiteRow
from ferryman.store.state import Position, StateRow
from ferryman.wire.state import (
    LoadedState,
    ResetState,
    StateEntry,
    StateLoad,
    StatePage,
    StateReset,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StateQuery:
    """A filter: values on a site, whose keys begin so."""

    site: str | None = None
    prefix: str = ""


async def page(
    platform: Platform,
    name: str,
    which: StateQuery,
    by: Actor = PLATFORM,
    *,
    cursor: str | None,
    size: int | None,
) -> StatePage:
    """Return a page of an app's values; that they were asked for is audited."""
    limit = page_size(size, default=100, greatest=ADMIN_PAGE)
    for text in (which.site or "", which.prefix):
        check_text("text", text, longest=KEY_CHARACTERS)
    async with platform.database.transaction() as tx:
        app = await app_service.find(tx, name, by.reach)
        query = ("state", app.app_id, which)
        began, after = _position(cursor, *query)
        sites = await state_store.sites(tx, app.app_id, _site(which.site))
        items: list[StateEntry] = []
        following, room = None, PAGE_BYTES
        for site, app_site_id in sites.items():
            if site < began:
                continue
            rows, more = await state_store.page(
                tx,
                app_site_id,
                prefix=which.prefix,
                after=after if site == began else state_store.FIRST,
                size=limit - len(items),
                room=room,
            )
            items += [_entry(site, each) for each in rows]
            room -= sum(len(each.row.value) for each in rows)
            if more:
                following = (site, *rows[-1].position)
                break
            if len(items) == limit or room <= 0:
                following = _after_site(site, list(sites))
                break
        await audit.record(tx, by, "list_state", app.app_id, after={"values": len(items)})
    if following is None:
        return StatePage(items=items)
    return StatePage(items=items, next_cursor=encode_values(following, *query))


async def load(
    platform: Platform, name: str, request: StateLoad, by: Actor = PLATFORM
) -> LoadedState:
    """Store values for an app on a site, all of them or none; other keys keep theirs."""
    if len(request.entries) > STATE_ENTRIES:
        raise refusals.key_value.TOO_MANY_ENTRIES(limit=STATE_ENTRIES, count=len(request.entries))
    site = _site(request.site) or ""
    check_text("cloud_url", site, longest=KEY_CHARACTERS)
    async with platform.database.reading() as tx:
        app = await app_service.find(tx, name, by.reach)
    writes = {secret: _writes(app, request, secret=secret) for secret in (False, True)}
    every = [write for group in writes.values() for write in group]

    async def put(tx: Transaction, kept: SiteRow) -> None:
        for secret, group in ((secret, group) for secret, group in writes.items() if group):
            await key_value_service.put_and_place(
                tx, owner, kept, group, secret=secret, override=True
            )
        after = {"site": site, "values": len(every)}
        await audit.record(tx, by, "load_state", app.app_id, after=after)

    owner = replace(app, site=site)
    placed = any(write.entity for write in every)
    async with key_value_service.admitted(platform, app, sum(write.size for write in every)):
        async with platform.database.transaction() as tx:
            if not await key_value_store.open_site(tx, AppSite(app.app_id, site), planned=False):
                raise refusals.app.NOT_FOUND(id=name)
        await key_value_service.in_transaction(platform, owner, put, placed=placed)
    return LoadedState(stored=len(every))


def _writes(app: AppRow, request: StateLoad, *, secret: bool) -> list[Write]:
    writes: dict[Name, Write] = {}
    for entry in request.entries:
        if entry.secret is secret:
            write = Write(
                key=entry.key,
                entity=entry.entity or NO_ENTITY,
                value=msgspec.json.encode(entry.value),
            )
            if secret and write.entity:
                raise refusals.key_value.REQUEST_INVALID(found="a secret of an entity")
            writes[write.name] = key_value_service.checked(app, write)
    return list(writes.values())


async def reset(
    platform: Platform, name: str, request: StateReset, by: Actor = PLATFORM
) -> ResetState:
    """Delete what an app keeps on a site, or on all; repeatable."""
    site = _site(request.site)
    check_text("cloud_url", site or "", longest=KEY_CHARACTERS)
    async with platform.database.transaction() as tx:
        app = await app_service.find(tx, name, by.reach)
        databases = await app_sql_store.sites(tx, app.app_id, site)
        await audit.record(tx, by, "reset_state", app.app_id, before={"site": site})
    removed = await purge.delete_state(platform, app.app_id, site)
    return ResetState(
        removed=removed["values"], databases=len(databases), objects=removed["objects"]
    )


def _site(given: str | None) -> str | None:
    """Return a site as migrations have it."""
    return None if given is None else given.rstrip("/")


def _position(cursor: str | None, *query: object) -> tuple[str, Position]:
    """Return the site at which a page begins, and the value after which it does."""
    given = decode_values(cursor, tuple[str, bool, str, str], *query)
    if given is None:
        return "", state_store.FIRST
    site, secret, entity, key = given
    for part in (entity, key):
        key_value_rules.check_characters(part)
    return site, (secret, entity, key)


def _after_site(site: str, sites: list[str]) -> tuple[str, bool, str, str] | None:
    """Return the position after all values of a site; None after the last site."""
    later = [each for each in sites if each > site]
    return (min(later), *state_store.FIRST) if later else None


def _entry(site: str, kept: StateRow) -> StateEntry:
    row = kept.row
    return StateEntry(
        site=site,
        key=row.key,
        entity=kept.entity or None,
        secret=kept.secret,
        value=None if kept.secret else msgspec.Raw(row.value),
        size=None if kept.secret else len(row.value),
        created_at=epoch_ms(row.created_at),
        updated_at=epoch_ms(row.updated_at),
        expires_at=None if row.expires_at is None else epoch_ms(row.expires_at),
    )
