"""Views of lists that people keep under a name."""

from urllib.parse import parse_qsl, urlencode

from litestar import post
from litestar.response import Redirect

from ferryman.console.pages.parameters import OwnVisit
from ferryman.console.visit import Visit, inner_page
from ferryman.wire.saved_view import SavedView, SavedViewName, SavedViews

_PASSING = ("cursor",)
"""Parameters of a page that are no part of a view."""


async def views_of(visit: Visit, page: str) -> list[SavedView]:
    """Return the visitor's saved views of a page; none for a request that takes only its list."""
    if visit.wants_list_alone:
        return []
    found = await visit.calls.get("/views", SavedViews)
    return [each for each in found.items if each.page == page]


@post("/views", status_code=200)
async def save_view(visit: OwnVisit) -> Redirect:
    """Keep the page that the form is on under a name, and show it again."""
    here = inner_page(str(visit.form.get("here", "")))
    page, _, query = here.partition("?")
    # Written again, so that it holds what a link may hold.
    kept = [each for each in parse_qsl(query) if each[0] not in _PASSING]
    view = SavedView(page=page, name=str(visit.form.get("name", "")).strip(), query=urlencode(kept))
    await visit.calls.post("/views", SavedView, view)
    return visit.to(here)


@post("/views/remove", status_code=200)
async def remove_view(visit: OwnVisit) -> Redirect:
    """Remove a view, and show the page again."""
    here = inner_page(str(visit.form.get("here", "")))
    view = SavedViewName(page=here.partition("?")[0], name=str(visit.form.get("name", "")))
    await visit.calls.post("/views/remove", SavedViews, view)
    return visit.to(here)


VIEW_PAGES = [save_view, remove_view]
