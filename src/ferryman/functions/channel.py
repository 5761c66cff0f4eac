"""The worker's end of a host's channel: requests go out, lines come back.

Each answer costs one wake-up: the event loop reads it directly, without a stream in between. The
app can reach the other end of the socket, so everything that is read is bounded.
"""

import asyncio
import socket
from contextlib import suppress

_CHUNK = 1 << 16
_LINE_BYTES = 1 << 18


class ChannelError(Exception):
    """The host's answers are garbled, because the app wrote to its channel."""


class Channel:
    """Belongs to the running event loop, and owns the socket; ``close`` it."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._loop = asyncio.get_running_loop()
        self._incoming = bytearray()
        self._outgoing = bytearray()
        self._waiter: asyncio.Future[None] | None = None
        self._reads = True
        self._loop.add_reader(sock.fileno(), self._read)
        self.ended = False

    def send(self, data: bytes) -> None:
        """Send what can be sent now; the rest follows as the host reads it.

        Raises ``OSError`` if the host has closed its end.
        """
        sent = 0 if self._outgoing else self._send(data)
        if sent < len(data):
            if not self._outgoing:
                self._loop.add_writer(self._socket.fileno(), self._send_more)
            self._outgoing += memoryview(data)[sent:]

    async def line(self) -> bytes:
        """Wait for the next line.

        Raises ``EOFError`` or ``OSError`` if the host has closed its end, ``ChannelError`` for a
        line that is too long, and what :meth:`give_up` was told.
        """
        while True:
            length = self._incoming.find(b"\n") + 1
            if max(length, len(self._incoming) if not length else 0) > _LINE_BYTES:
                raise ChannelError
            if length:
                line = bytes(self._incoming[:length])
                del self._incoming[:length]
                return line
            if self.ended:
                raise EOFError
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    def give_up(self, error: BaseException) -> None:
        """Raise this error in the caller that waits for a line."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)

    def close(self) -> None:
        """Close it, so that the host ends if it waits for a request."""
        self._stop_reading()
        if self._outgoing:
            self._loop.remove_writer(self._socket.fileno())
        self._socket.close()

    def _read(self) -> None:
        try:
            data = self._socket.recv(_CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        self._incoming += data
        if not data:
            self.ended = True
        full = len(self._incoming) > _LINE_BYTES
        if full or not data:
            self._stop_reading()
        if (full or not data or b"\n" in data) and self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    def _stop_reading(self) -> None:
        if self._reads:
            self._reads = False
            self._loop.remove_reader(self._socket.fileno())

    def _send(self, data: bytes | bytearray) -> int:
        try:
            return self._socket.send(data)
        except (BlockingIOError, InterruptedError):
            return 0

    def _send_more(self) -> None:
        # A host that has closed its end is noticed by what reads.
        sent = len(self._outgoing)
        with suppress(OSError):
            sent = self._send(self._outgoing)
        del self._outgoing[:sent]
        if not self._outgoing:
            self._loop.remove_writer(self._socket.fileno())
