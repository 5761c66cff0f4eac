"""Views of lists that people keep: each has their own."""

from litestar import get, post
from litestar.params import JSONBody

from ferryman.api.parameters import Author, OwnPlatform
from ferryman.services import saved_view
from ferryman.wire.saved_view import SavedView, SavedViewName, SavedViews


@get("/views")
async def list_views(platform: OwnPlatform, actor: Author) -> SavedViews:
    """List your saved views of the console's lists."""
    return await saved_view.list_of(platform, actor)


@post("/views", status_code=200)
async def save_view(platform: OwnPlatform, actor: Author, data: JSONBody[SavedView]) -> SavedView:
    """Save a view under a name; replaces a view of the same name."""
    return await saved_view.save(platform, data, actor)


@post("/views/remove", status_code=200)
async def remove_view(
    platform: OwnPlatform, actor: Author, data: JSONBody[SavedViewName]
) -> SavedViews:
    """Remove a view, and return the remaining ones; repeatable."""
    return await saved_view.remove(platform, data, actor)
