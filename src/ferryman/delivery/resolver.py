"""Resolve host names in a thread pool of which each app gets only a few threads.

The system's resolver blocks a thread while a name server is silent, even after the caller gave
up. A slow DNS lookup for one app does not block the others.
"""

import asyncio
import socket
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

from aiohttp.abc import AbstractResolver, ResolveResult

OWNER: ContextVar[str] = ContextVar("owner", default="")
"""The app on whose behalf names are looked up; if unset, each host has its own share."""

_THREADS = 64
_SHARE = 4
_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


class BoundedResolver(AbstractResolver):
    """Resolves names with the system's resolver, without caching."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, "names")
        self._shares: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return all addresses of the host; raises ``OSError`` if it has none."""
        share = self._shares.setdefault(OWNER.get() or host, asyncio.Semaphore(_SHARE))
        await share.acquire()
        lookup = self._threads.submit(_resolve, host, port, family)
        # The thread is busy until the look-up ends, even if nobody waits for the result any more.
        lookup.add_done_callback(partial(_release, asyncio.get_running_loop(), share))
        return await asyncio.wrap_future(lookup)

    async def close(self) -> None:
        """Cancel pending look-ups and stop the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _resolve(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    addresses = socket.getaddrinfo(
        host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
    )
    return [
        ResolveResult(
            hostname=host,
            host=str(address[0]),
            port=int(address[1]),
            family=kind,
            proto=protocol,
            flags=_NUMERIC,
        )
        for kind, _, protocol, _, address in addresses
    ]


def _release(
    loop: asyncio.AbstractEventLoop, share: asyncio.Semaphore, _lookup: "Future[Any]"
) -> None:
    with suppress(RuntimeError):  # the loop has been closed meanwhile
        loop.call_soon_threadsafe(share.release)
