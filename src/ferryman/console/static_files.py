"""The files that pages load: our own, and the library for partial updates from its package."""

import gzip
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from litestar import Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}
_OWN = ("console.css", "console.js", "stream.js", "try.js", "zoom.js")
_HTMX = "htmx.js"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file, plain and compressed; ``version`` changes with its content."""

    content: bytes
    compressed: bytes
    media_type: str
    version: str


@cache
def static_files() -> dict[str, StaticFile]:
    """Return all files by name."""
    own = files("ferryman.console") / "static"
    found = {name: (own / name).read_bytes() for name in _OWN}
    found[_HTMX] = (files("js_lib_htmx") / "static/htmx/htmx.min.js").read_bytes()
    found["favicon.svg"] = (own / "favicon.svg").read_bytes()
    return {
        name: StaticFile(
            content=content,
            compressed=gzip.compress(content, 9, mtime=0),
            media_type=_TYPES.get(name.rpartition(".")[2], "image/svg+xml"),
            version=sha256(content).hexdigest()[:10],
        )
        for name, content in found.items()
    }


def versioned(name: str) -> str:
    """Return the link of a file from the console's root."""
    return f"static/{static_files()[name].version}/{name}"


@get("/static/{version:str}/{name:str}")
async def get_static(
    request: Request[Any, Any, Any], version: FromPath[str], name: FromPath[str]
) -> Response[bytes]:
    """Return a file; a link with its version never becomes stale."""
    file = static_files().get(name)
    if file is None:
        raise NotFoundException
    lasts = version == file.version
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable" if lasts else "no-cache",
        "Vary": "Accept-Encoding",
    }
    zipped = "gzip" in request.headers.get("accept-encoding", "")
    if zipped:
        headers["Content-Encoding"] = "gzip"
    content = file.compressed if zipped else file.content
    return Response(content, media_type=file.media_type, headers=headers)
