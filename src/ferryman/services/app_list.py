"""List registered apps by page."""

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from ferryman.domain.access import PLATFORM, Actor, Reach
from ferryman.domain.limits import ADMIN_PAGE, LABEL_CHARACTERS
from ferryman.services.app_view import view_of
from ferryman.services.platform import (
    Platform,
    check_text,
    encode_cursor,
    page_size,
    row_of_cursor,
)
from ferryman.store import app as app_store
from ferryman.store import breaker as breaker_store
from ferryman.store import installation as installation_store
from ferryman.store.app import AppFilter, AppRow
from ferryman.store.database import Transaction
from ferryman.vocab import AppKind
from ferryman.wire.app import AppPage


@dataclass(frozen=True, slots=True, kw_only=True)
class AppQuery:
    """A filter of apps; ``name`` is a cloudAppKey, KEY@ENVIRONMENT or an id."""

    kind: AppKind | None = None
    name: str | None = None
    environment: str | None = None


async def page(
    platform: Platform,
    query: AppQuery | None = None,
    by: Actor = PLATFORM,
    *,
    cursor: str | None = None,
    size: int | None = None,
) -> AppPage:
    """Return a page of registered apps, oldest first."""
    limit = page_size(size, default=100, greatest=ADMIN_PAGE)
    query = query or AppQuery()
    choice, cursor_key = _choice(query, by.reach), ("apps", query, by.reach)
    async with platform.database.transaction() as tx:
        after = await row_of_cursor(cursor, partial(_visible, tx, by.reach), *cursor_key)
        rows = await app_store.page(tx, choice, after=after, size=limit + 1)
        around = await installation_store.of(tx, [app.app_id for app in rows])
        failing = await breaker_store.of_apps(tx, [app.app_id for app in rows])
    items = [
        view_of(app, around.get(app.app_id), failing.get(app.app_id, []), tx.now)
        for app in rows[:limit]
    ]
    more = len(rows) > limit
    return AppPage(
        items=items, next_cursor=encode_cursor(items[-1].app_id, *cursor_key) if more else None
    )


async def _visible(tx: Transaction, reach: Reach, app_id: UUID) -> AppRow | None:
    app = await app_store.by_id(tx, app_id)
    return app if app is not None and reach.has_app(app.cloud_app_key) else None


def _choice(query: AppQuery, reach: Reach) -> AppFilter:
    for name, text in (("cloud_app_key", query.name), ("environment", query.environment)):
        check_text(name, text or "", longest=LABEL_CHARACTERS)
    key, app_id, environments = query.name, None, [query.environment]
    if query.name is not None:
        key, _, environment = query.name.partition("@")
        environments.append(environment or None)
        app_id = _uuid(query.name)
    return AppFilter(
        kind=query.kind,
        cloud_app_key=key,
        app_id=app_id,
        environments=[each for each in environments if each is not None],
        apps=reach.apps,
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
