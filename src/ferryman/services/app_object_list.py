"""The objects that apps keep: listed, read and loaded for the operator (ADR 91, ADR 112)."""

from dataclasses import replace

from ferryman import refusals
from ferryman.clock import epoch_ms
from ferryman.domain.access import PLATFORM, Actor
from ferryman.domain.app_object import NewObject, ObjectName
from ferryman.domain.limits import ADMIN_PAGE, KEY_CHARACTERS
from ferryman.services import app as app_service
from ferryman.services import app_object as object_service
from ferryman.services import audit
from ferryman.services.keyset import decode_values, encode_values
from ferryman.services.platform import Platform, check_text, page_size
from ferryman.store import app_object as object_store
from ferryman.store import key_value as key_value_store
from ferryman.store.app_object import FIRST, ListedObject
from ferryman.store.key_value import AppSite
from ferryman.wire.state import (
    ObjectLoad,
    ObjectPlace,
    StateObject,
    StateObjectPage,
    StateObjectUrl,
)


async def page(
    platform: Platform,
    name: str,
    site: str | None,
    by: Actor = PLATFORM,
    *,
    cursor: str | None,
    size: int | None,
) -> StateObjectPage:
    """Return a page of an app's objects by site, bucket and key; that it was asked is audited."""
    limit = page_size(size, default=100, greatest=ADMIN_PAGE)
    check_text("cloud_url", site or "", longest=KEY_CHARACTERS)
    chosen = None if site is None else site.rstrip("/")
    async with platform.database.transaction() as tx:
        app = await app_service.find(tx, name, by.reach)
        query = ("objects", app.app_id, chosen)
        after = decode_values(cursor, tuple[str, bool, str], *query) or FIRST
        found = await object_store.page(tx, app.app_id, chosen, after=after, size=limit + 1)
        await audit.record(tx, by, "list_objects", app.app_id, after={"site": chosen})
    items = [_shown(each) for each in found[:limit]]
    if len(found) <= limit:
        return StateObjectPage(items=items)
    last = items[-1]
    following = encode_values((last.site, last.cdn, last.key), *query)
    return StateObjectPage(items=items, next_cursor=following)


async def open_object(
    platform: Platform, name: str, request: ObjectPlace, by: Actor = PLATFORM
) -> StateObjectUrl:
    """Return a URL that reads an object; that it was asked for is audited."""
    where = ObjectName(request.key, cdn=request.cdn)
    site = request.site.rstrip("/")
    async with platform.database.reading() as tx:
        app = replace(await app_service.find(tx, name, by.reach), site=site)
    url = await object_service.download_url(platform, app, where, None)
    async with platform.database.transaction() as tx:
        after = {"site": site, "key": request.key}
        await audit.record(tx, by, "open_object", app.app_id, after=after)
    return StateObjectUrl(url=url)


async def load(
    platform: Platform, name: str, request: ObjectLoad, by: Actor = PLATFORM
) -> StateObjectUrl:
    """Return a URL to send an object to, which replaces that of its key once it is whole."""
    site = request.site.rstrip("/")
    check_text("cloud_url", site, longest=KEY_CHARACTERS)
    async with platform.database.transaction() as tx:
        app = replace(await app_service.find(tx, name, by.reach), site=site)
        if not await key_value_store.open_site(tx, AppSite(app.app_id, site), planned=False):
            raise refusals.app.NOT_FOUND(id=name)
    new = NewObject(
        name=ObjectName(request.key, cdn=request.cdn),
        size=request.size,
        checksum=request.checksum,
        checksum_type=request.checksum_type,
    )
    url = await object_service.upload_url(platform, app, new, None)
    async with platform.database.transaction() as tx:
        after = {"site": site, "key": request.key}
        await audit.record(tx, by, "load_object", app.app_id, after=after)
    return StateObjectUrl(url=url)


def _shown(kept: ListedObject) -> StateObject:
    return StateObject(
        site=kept.site,
        key=kept.name.key,
        cdn=kept.name.cdn,
        size=kept.size,
        content_type=kept.content_type,
        checksum=kept.checksum,
        checksum_type=kept.checksum_type,
        created_at=epoch_ms(kept.created_at),
    )
