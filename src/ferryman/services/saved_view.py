"""Keep saved views of lists, separately for each person."""

import re

from ferryman import refusals
from ferryman.domain.access import PLATFORM, Actor
from ferryman.services import audit
from ferryman.services.platform import Platform, check_text
from ferryman.store import saved_view as saved_view_store
from ferryman.wire.saved_view import SavedView, SavedViewName, SavedViews

_PAGES = ("migrations", "messages")
_QUERY = re.compile(r"[\w.~%&=+:@-]{0,2000}", re.ASCII)
_NAME = 100
_MOST = 100


async def list_of(platform: Platform, by: Actor = PLATFORM) -> SavedViews:
    """Return the caller's views."""
    async with platform.database.reading() as tx:
        return SavedViews(items=await saved_view_store.of_actor(tx, by.name))


async def save(platform: Platform, view: SavedView, by: Actor = PLATFORM) -> SavedView:
    """Keep a view; one of the same name is replaced.

    Raises ``Invalid`` (``view_invalid``) and ``LimitExceeded`` (``too_many_views``).
    """
    check_text("name", view.name, longest=_NAME)
    fits = view.page in _PAGES and view.name.strip() and view.name.isprintable()
    if not fits or _QUERY.fullmatch(view.query) is None:
        raise refusals.request.VIEW_INVALID(pages=", ".join(_PAGES), page=view.page, name=view.name)
    async with platform.database.transaction() as tx:
        kept = await saved_view_store.of_actor(tx, by.name, view.page)
        if len(kept) >= _MOST and all(each.name != view.name for each in kept):
            raise refusals.request.TOO_MANY_VIEWS(limit=_MOST)
        await saved_view_store.save(tx, by.name, view)
        facts = {"page": view.page, "query": view.query}
        await audit.record(tx, by, "save_view", view.name, after=facts)
    return view


async def remove(platform: Platform, view: SavedViewName, by: Actor = PLATFORM) -> SavedViews:
    """Remove a view, and return the remaining ones; repeatable."""
    for name, text in (("page", view.page), ("name", view.name)):
        check_text(name, text, longest=_NAME)
    async with platform.database.transaction() as tx:
        await saved_view_store.remove(tx, by.name, view.page, view.name)
        left = await saved_view_store.of_actor(tx, by.name)
        await audit.record(tx, by, "remove_view", view.name, before={"page": view.page})
    return SavedViews(items=left)
