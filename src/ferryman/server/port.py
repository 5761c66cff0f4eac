"""Reserve the platform's port: check that it is free, and keep it."""

import asyncio
import socket
import sys
from contextlib import suppress

from ferryman import refusals

_BIND_SECONDS = 10.0


async def taken(host: str, port: int, seconds: float = _BIND_SECONDS) -> socket.socket:
    """Reserve the port while the returned socket is open; on Linux, 0 is any that is free.

    A process that was just killed may still hold the port, so this retries for ``seconds``. Raises
    :class:`ConfigError` (``port_taken``) after that. The HTTP server shares its port with all
    processes of this user (SO_REUSEPORT) and opens it only when the database is up. Two platforms
    started at once would both get it, each receiving half of the other's calls. Therefore this
    socket shares the port too, which makes the other platform's check fail.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while True:
        try:
            _try(host, port)
            break
        except OSError as exc:
            if loop.time() > until:
                raise refusals.database.PORT_TAKEN(
                    port=port, host=host, found=exc.strerror or "an address that cannot be used"
                ) from exc
        await asyncio.sleep(0.1)
    holder = _open(host)
    if sys.platform == "linux":
        # Skipped if closed connections still occupy the port: then it is not reserved.
        with suppress(OSError):
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            holder.bind((host, port))
    return holder


def port_of(holder: socket.socket, host: str) -> int:
    """Return the port that was reserved; one that is free right now where none can be."""
    port: int = holder.getsockname()[1]
    return port or free_port(host)


def free_port(host: str) -> int:
    """Return a port that is free right now; another process may take it next."""
    with _open(host) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def _try(host: str, port: int) -> None:
    with _open(host) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


def _open(host: str) -> socket.socket:
    return socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
