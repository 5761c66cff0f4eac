"""Noticing that a client hung up."""

from litestar.types import Receive


async def disconnected(receive: Receive) -> None:
    """Return when the client has gone: sending to it does not fail, so somebody has to look."""
    while (await receive())["type"] != "http.disconnect":
        pass
