"""Prepare the operating system's limits and sockets for many connections."""

import resource
import socket
import sys

from ferryman import refusals

_OTHER_DESCRIPTORS = 500
"""For files, the database and calls to apps."""

_UNSENT_BYTES = 128 << 10
"""Bytes of a connection that the kernel holds beyond those on their way to the client."""

_TCP_NOTSENT_LOWAT = 25


def allow_connections(connections: int) -> None:
    """Raise this process's limit of open files, so that as many connections fit.

    Raises :class:`ConfigError` (``descriptors_too_few``) if the system does not allow it.
    """
    limit = connections + _OTHER_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < limit:
        if hard != resource.RLIM_INFINITY and hard < limit:
            raise refusals.command.DESCRIPTORS_TOO_FEW(
                wanted=limit, connections=connections, hard=hard
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def sockets(host: str, port: int, number: int) -> list[socket.socket]:
    """Reserve an address for ``number`` processes; return a socket for each, none listening yet.

    Linux spreads new connections over all that listen. Elsewhere they are one socket.
    """
    made = [_shared(host, port) for _ in range(number if sys.platform == "linux" else 1)]
    return (made * number)[:number]


def _shared(host: str, port: int) -> socket.socket:
    opened = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        opened.setsockopt(socket.SOL_SOCKET, option, 1)
    if sys.platform == "linux":
        # Connections inherit it: little is held for a client that stops reading. A window as large
        # as the network needs is not affected.
        opened.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
    opened.bind((host, port))
    opened.setblocking(False)
    return opened
