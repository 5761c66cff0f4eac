"""Connect to whichever of the servers in a URL is usable now.

``postgresql://a:5432,b:5432/db?target_session_attrs=read-write`` names a primary and a standby
that may take over. Each server has its own timeout: an unreachable machine never answers and would
otherwise use up the time of the others.
"""

import asyncio
import socket
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from ferryman.store.session import settle

_SECONDS = 10.0
"""Timeout for one server to answer."""

_ELSEWHERE = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InternalClientError,  # for example a server of another kind than the URL asks for
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
)

# An unreachable machine closes no connection. With these options the kernel does.
_SILENCE = (
    ("SO_KEEPALIVE", socket.SOL_SOCKET, 1),
    ("TCP_KEEPIDLE", socket.IPPROTO_TCP, 10),
    ("TCP_KEEPINTVL", socket.IPPROTO_TCP, 5),
    ("TCP_KEEPCNT", socket.IPPROTO_TCP, 3),
    ("TCP_USER_TIMEOUT", socket.IPPROTO_TCP, 25_000),
)


class Servers:
    """The servers of a URL; the last one that worked is tried first."""

    def __init__(self, url: str) -> None:
        self.urls = urls_of(url)

    async def connect(self, _url: str = "", **options: Any) -> Any:
        """Connect and set our session values; raises the last server's error if none is usable."""
        problem: BaseException | None = None
        for url in tuple(self.urls):
            try:
                connection = await _connect(url, options)
            except _ELSEWHERE as exc:
                problem = exc
            else:
                self.urls.remove(url)
                self.urls.insert(0, url)
                _bound_silence(connection)
                return connection
        assert problem is not None  # noqa: S101 - there is at least one server
        raise problem


async def _connect(url: str, options: dict[str, Any]) -> Any:
    connection = await asyncpg.connect(url, timeout=_SECONDS, **options)
    try:
        async with asyncio.timeout(_SECONDS):
            await settle(connection)
    except BaseException:
        connection.terminate()
        raise
    return connection


def urls_of(url: str) -> list[str]:
    """Return one URL for each server that ``url`` names."""
    parts = urlsplit(url)
    if "," not in parts.netloc:
        return [url]
    login, at, hosts = parts.netloc.rpartition("@")
    return [urlunsplit(parts._replace(netloc=login + at + host)) for host in hosts.split(",")]


def _bound_silence(connection: Any) -> None:
    # asyncpg offers no option for this.
    own = connection._transport.get_extra_info("socket")  # noqa: SLF001
    if own is None or own.family not in (socket.AF_INET, socket.AF_INET6):
        return
    for name, level, value in _SILENCE:
        if (option := getattr(socket, name, None)) is not None:
            own.setsockopt(level, option, value)
