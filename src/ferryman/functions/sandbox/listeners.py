"""The network of a sandbox: listening sockets that were made inside and are served from outside.

A socket belongs to the network namespace it was made in, wherever it is used. So the worker accepts
what the function connects to, and forwards it to what the app may reach, and to nothing else.
"""

import asyncio
import socket
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from ferryman.functions.sandbox.access import Access
from ferryman.functions.sandbox.forward import Forward, connect_anywhere, connect_checked, reset
from ferryman.functions.sandbox.names import NameServer

_MOST = 64
"""Connections of one function at once; others wait."""
_MOST_IN_A_WINDOW = 200
"""Connections and questions for names in ``_WINDOW_SECONDS``; the next ones wait."""
_WINDOW_SECONDS = 1.0
_LONGEST_QUERY = 512
_PAUSE_SECONDS = 0.1


class ForwardedListeners:
    """The listeners of one sandbox, of which the last answers names; close it with the sandbox.

    ``private`` is whether a manifest may name addresses that are not public.
    """

    def __init__(self, sockets: Sequence[socket.socket], access: Access, *, private: bool) -> None:
        *self._listeners, self._server = sockets
        self._access = access
        self._private = private
        self._names = NameServer(access.knows)
        self._open: set[Forward] = set()
        self._loop = asyncio.get_running_loop()
        self._resting = False
        self._window, self._calls = self._loop.time(), 0
        for each in sockets:
            each.setblocking(False)
        self._listen()

    def close(self) -> None:
        """Break off all connections, and accept no more."""
        for each in (*self._listeners, self._server):
            self._loop.remove_reader(each.fileno())
            each.close()
        for forward in self._open:
            forward.close()

    def _listen(self) -> None:
        for listener in self._listeners:
            self._loop.add_reader(listener.fileno(), self._accept, listener)
        self._loop.add_reader(self._server.fileno(), self._answer)

    def _accept(self, listener: socket.socket) -> None:
        if self._too_many():
            return
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            return
        except OSError:  # too many open files: try again when some may be closed
            self._pause()
            self._loop.call_later(_PAUSE_SECONDS, self._resume)
            return
        with suppress(OSError):
            # Of the address that was connected to, which tells the name.
            address, port = connection.getsockname()[:2]
            host = self._names.name_of(address) or address
            trusted = self._access.trusted(host, port)
            if trusted is None:
                reset(connection)
                return
            connect = connect_anywhere if trusted or self._private else connect_checked
            self._open.add(Forward(connection, partial(connect, host, port), self._ended))
            if len(self._open) >= _MOST:
                self._pause()

    def _ended(self, forward: Forward) -> None:
        with suppress(RuntimeError):  # the loop has been closed meanwhile
            self._loop.call_soon_threadsafe(self._forget, forward)

    def _forget(self, forward: Forward) -> None:
        self._open.discard(forward)
        if len(self._open) == _MOST - 1:
            self._resume()

    def _pause(self) -> None:
        for listener in self._listeners:
            self._loop.remove_reader(listener.fileno())

    def _resume(self) -> None:
        if self._server.fileno() >= 0 and len(self._open) < _MOST and not self._resting:
            self._listen()

    def _too_many(self) -> bool:
        """Return whether the function calls so often that it would hold up others; then rest."""
        now = self._loop.time()
        if now - self._window >= _WINDOW_SECONDS:
            self._window, self._calls = now, 0
        self._calls += 1
        if self._calls <= _MOST_IN_A_WINDOW:
            return False
        self._resting = True
        self._pause()
        self._loop.remove_reader(self._server.fileno())
        self._loop.call_at(self._window + _WINDOW_SECONDS, self._rested)
        return True

    def _rested(self) -> None:
        self._resting = False
        if self._server.fileno() >= 0:
            self._loop.add_reader(self._server.fileno(), self._answer)
        self._resume()

    def _answer(self) -> None:
        if self._too_many():
            return
        with suppress(OSError):
            query, sender = self._server.recvfrom(_LONGEST_QUERY)
            if answer := self._names.answer(query):
                self._server.sendto(answer, sender)
