"""Search, for those who watch the platform."""

from typing import Annotated

from litestar import get
from litestar.params import QueryParameter

from ferryman.api.parameters import Author, OwnPlatform
from ferryman.services import search
from ferryman.wire.search import SearchAnswer

_Query = Annotated[
    str,
    QueryParameter(
        name="q",
        min_length=1,
        description="The beginning of an id, a part of an app's key, the beginnings of words of a "
        "name, a site or an error, or the beginning of a file's label.",
    ),
]


@get("/search")
async def search_all(platform: OwnPlatform, actor: Author, q: _Query) -> SearchAnswer:
    """Search ids, keys, names, labels and errors; up to ten hits of each kind."""
    return await search.search(platform, q, actor)
