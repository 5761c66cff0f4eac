"""Listen on this machine for what a proxy beside a container service answers."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from ferryman.devtools.services.answers import BODY_BYTES
from ferryman.devtools.services.health import HOST


@asynccontextmanager
async def listening(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    port: int,
    say: Callable[[str], None],
) -> AsyncIterator[str]:
    """Answer at a port, 0 for a free one; yields the address, and raises ``OSError``.

    ``say`` gets a line for each request that cannot be read.
    """
    site = web.Application(client_max_size=BODY_BYTES)
    site.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(
        site,
        access_log=None,
        shutdown_timeout=0.2,
        logger=_log(say),
        auto_decompress=False,  # a body goes on as it came, with its Content-Encoding
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port).start()
        yield f"http://{HOST}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class _Told(logging.Handler):
    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__()
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        """Name the kind of the error alone: its text quotes the request, credentials included."""
        kind = record.exc_info[0] if record.exc_info else None
        self._say(f"got a request that cannot be answered ({kind.__name__ if kind else 'unknown'})")


def _log(say: Callable[[str], None]) -> logging.Logger:
    log = logging.Logger("services", logging.ERROR)  # noqa: LOG001 - in nobody's hierarchy
    log.addHandler(_Told(say))
    return log
