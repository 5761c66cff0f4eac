"""Look whether a container service can work, and whether its port is free before it starts."""

import asyncio
import errno
import socket

import aiohttp
from yarl import URL

from ferryman.client.text import clean

_PROBE_SECONDS = 5.0
HOST = "127.0.0.1"


async def health_of(session: aiohttp.ClientSession, base: str, path: str | None) -> str | None:
    """Return what is wrong with the service at ``base``; None if it can work.

    Without a ``path`` it can work when it takes connections.
    """
    url = URL(base)
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            if path is None:
                _, writer = await asyncio.open_connection(url.host, url.port)
                writer.close()
                return None
            async with session.get(URL(base + path), allow_redirects=False) as answer:
                good = 200 <= answer.status < 300
                return None if good else f"status {answer.status} there"
    except TimeoutError:
        return f"no answer in {_PROBE_SECONDS:g} s"
    except (aiohttp.ClientConnectorError, ConnectionError):
        return f"nothing that listens on port {url.port}"
    except (aiohttp.ClientError, OSError) as failure:
        return clean(f"{type(failure).__name__}: {failure}")


def is_free(port: int) -> bool:
    """Return whether nobody listens on a port of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as failure:
            return failure.errno != errno.EADDRINUSE
    return True
