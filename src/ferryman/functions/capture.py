"""What a function prints: its beginning and its end are kept, the rest is read and dropped."""

import asyncio
import os
from collections import deque

_CHUNK = 1 << 16


class Excerpt:
    """The first and the last half of ``limit`` bytes of a stream of any length."""

    def __init__(self, limit: int) -> None:
        self._half = limit // 2
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._dropped = 0

    def add(self, data: bytes) -> None:
        """Take the next bytes."""
        room = self._half - len(self._head)
        self._head += data[:room]
        rest = data[room:]
        if not rest:
            return
        # Only the last half of a chunk can still be part of the tail.
        self._dropped += max(0, len(rest) - self._half)
        rest = rest[-self._half :]
        self._tail.append(rest)
        self._tail_size += len(rest)
        while self._tail_size - len(self._tail[0]) >= self._half:
            gone = len(self._tail.popleft())
            self._tail_size -= gone
            self._dropped += gone

    def text(self) -> str:
        """What was kept, as text; bytes that are no UTF-8 become replacement characters."""
        tail = b"".join(self._tail)
        dropped = self._dropped + max(0, len(tail) - self._half)
        gap = f"\n[... {dropped} bytes left out ...]\n".encode() if dropped else b""
        return (bytes(self._head) + gap + tail[-self._half :]).decode("utf-8", "replace")


class OutputPipe:
    """A pipe that a process writes to and that never fills up.

    Belongs to the running event loop. ``write_end`` is handed to the process and then closed
    here; ``close`` closes the rest.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._excerpt = Excerpt(limit)
        self._read_end, self.write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._read_end, self._read)

    def begin(self) -> None:
        """Forget what was printed so far."""
        self._drain()
        self._excerpt = Excerpt(self._limit)

    def text(self) -> str:
        """What was printed since ``begin``, all that was written before this call included."""
        self._drain()
        return self._excerpt.text()

    def take(self) -> str:
        """:meth:`text`, which is then forgotten."""
        text = self.text()
        self._excerpt = Excerpt(self._limit)
        return text

    def close_write_end(self) -> None:
        """Give the writing to the process alone."""
        os.close(self.write_end)

    def close(self) -> None:
        """Stop reading; call it once."""
        self._loop.remove_reader(self._read_end)
        os.close(self._read_end)

    def _drain(self) -> None:
        # A pipe holds 64 KiB unless it was enlarged, at most to 1 MiB: bounded even if a
        # process that is still running writes as fast as this reads.
        for _ in range(16):
            if not self._read():
                return

    def _read(self) -> bool:
        try:
            data = os.read(self._read_end, _CHUNK)
        except BlockingIOError:
            return False
        if not data:
            self._loop.remove_reader(self._read_end)
            return False
        self._excerpt.add(data)
        return True
