"""Carry a connection from a sandbox to its target, in two threads and without copying.

The kernel moves the bytes (``splice``): an event loop between the two costs several times as much.
"""

import _thread
import errno
import os
import socket
import struct
from collections.abc import Callable
from contextlib import suppress

from ferryman.domain.addresses import OF_FUNCTIONS, is_public

CONNECT_SECONDS = 10.0
_AT_ONCE = 1 << 16
_RESET = struct.pack("ii", 1, 0)


class Forward:
    """One connection; ``ended`` is called from a thread once both directions are closed."""

    def __init__(
        self,
        near: socket.socket,
        connect: Callable[[], socket.socket],
        ended: Callable[["Forward"], None],
    ) -> None:
        self._near = near
        self._connect = connect
        self._ended = ended
        self._far: socket.socket | None = None
        self._closed = False
        # Not ``threading``, which would make the event loop wait until the thread runs.
        _thread.start_new_thread(self._run, ())

    def close(self) -> None:
        """Break the connection off."""
        self._closed = True
        for end in (self._near, self._far):
            if end is not None:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        try:
            far = self._far = self._connect()
        except OSError:
            reset(self._near)
            self._ended(self)
            return
        with self._near, far:
            if not self._closed:
                for end in (self._near, far):
                    end.setblocking(True)
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                back = _thread.allocate_lock()
                back.acquire()
                _thread.start_new_thread(_carry_back, (far, self._near, back))
                _carry(self._near, far)
                back.acquire()
        self._ended(self)


def reset(connection: socket.socket) -> None:
    """Close a connection so that the other side notices an error, not an end."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    connection.close()


def connect_checked(host: str, port: int) -> socket.socket:
    """Connect to a host that an app chose, at a public address only.

    The address that is checked is the one connected to, so a name that resolves differently the
    second time gains nothing. Raises ``OSError``.
    """
    failure = OSError(f"{host} has no public address")
    for family, kind, protocol, _, address in socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM
    ):
        if is_public(str(address[0])):
            connection = socket.socket(family, kind, protocol)
            connection.settimeout(CONNECT_SECONDS)
            try:
                connection.connect(address)
            except OSError as error:
                connection.close()
                failure = error
            else:
                return connection
    raise failure


def connect_anywhere(host: str, port: int) -> socket.socket:
    """Connect to a host that the operator gave. Raises ``OSError``.

    On this machine, the other side sees that a function calls it: ``OF_FUNCTIONS``.
    """
    try:
        return socket.create_connection((host, port), CONNECT_SECONDS, (OF_FUNCTIONS, 0))
    except OSError as error:
        # Another machine, or version 6. A lack of ports, say, must not make it look like another.
        if error.errno not in (errno.EINVAL, socket.EAI_ADDRFAMILY):
            raise
    return socket.create_connection((host, port), CONNECT_SECONDS)


def _carry_back(source: socket.socket, target: socket.socket, ended: "_thread.LockType") -> None:
    try:
        _carry(source, target)
    finally:
        ended.release()


def _carry(source: socket.socket, target: socket.socket) -> None:
    read, write = os.pipe()
    try:
        while count := os.splice(source.fileno(), write, _AT_ONCE, flags=os.SPLICE_F_MOVE):
            while count:
                count -= os.splice(read, target.fileno(), count, flags=os.SPLICE_F_MOVE)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
    finally:
        os.close(read)
        os.close(write)
