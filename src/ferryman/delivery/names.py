"""Names of hosts, looked up in threads of their own, of which no app has more than a few.

The system's resolver blocks a thread for as long as a name server keeps silent, also when nobody
waits for the answer any more. An app whose names are looked up for ever so long keeps no other
waiting.
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
"""For whom names are looked up here; without anybody, each host is one by itself."""

_THREADS = 64
_SHARE = 4
_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


class Names(AbstractResolver):
    """Resolves names by the system's resolver; cached by whoever asks."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, "names")
        self._shares: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Every address of the host; raises ``OSError`` for a name that has none."""
        share = self._shares.setdefault(OWNER.get() or host, asyncio.Semaphore(_SHARE))
        await share.acquire()
        look = self._threads.submit(_look, host, port, family)
        # Its thread is free when the look-up ends, not when nobody waits for it any more.
        look.add_done_callback(partial(_release, asyncio.get_running_loop(), share))
        return await asyncio.wrap_future(look)

    async def close(self) -> None:
        """Look nothing up any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _look(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    found = socket.getaddrinfo(
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
        for kind, _, protocol, _, address in found
    ]


def _release(
    loop: asyncio.AbstractEventLoop, share: asyncio.Semaphore, _look: "Future[Any]"
) -> None:
    with suppress(RuntimeError):  # the loop has ended meanwhile
        loop.call_soon_threadsafe(share.release)
