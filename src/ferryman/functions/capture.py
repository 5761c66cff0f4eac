"""Capture what a function prints, keeping the beginning and the end."""

import asyncio
import os
from collections import deque
from collections.abc import Callable

from ferryman.domain.outcome import cut, storable

_CHUNK = 1 << 16
_PAUSE_SECONDS = 0.001
"""The pause after each piece, so that what prints without end leaves the loop to others."""
_AT_ONCE = 256
"""Pieces of a call that are read without a pause, so that what ends soon does not wait for one."""

LIVE_BYTES = 1 << 16
"""Most output of a call that is logged live, so that it cannot fill a log."""


class Excerpt:
    """The beginning and the end of a stream of any length, in at most ``limit`` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # This much of each end is enough to fill the excerpt of a longer stream.
        self._half = limit - limit // 2
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._dropped = 0

    def add(self, data: bytes) -> None:
        """Add the next bytes."""
        space = self._half - len(self._head)
        self._head += data[:space]
        rest = data[space:]
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
        """Return the excerpt as text that can be stored; bytes that are not UTF-8 are replaced.

        Omitted output is replaced by a note with the total number of bytes.
        """
        tail = b"".join(self._tail)
        size = len(self._head) + self._dropped + len(tail)
        if size <= 2 * self._half:
            whole = _readable(bytes(self._head) + tail)
            if len(whole) <= self._limit:
                return whole.decode()
            return cut(whole, whole, size, self._limit)
        return cut(_readable(bytes(self._head)), _readable(tail), size, self._limit)


def _readable(data: bytes) -> bytes:
    return storable(data.decode("utf-8", "replace"))


class Live:
    """A filter that passes on whole lines of a stream as they come, up to ``limit`` bytes."""

    def __init__(self, on_lines: Callable[[str], None], limit: int = LIVE_BYTES) -> None:
        self._on_lines = on_lines
        self._space = limit
        self._open = bytearray()

    def add(self, data: bytes) -> None:
        """Add the next bytes."""
        self._open += data[: self._space]
        self._space -= min(self._space, len(data))
        whole, line_end, rest = self._open.rpartition(b"\n")
        self._open = rest
        if line_end:
            self._on_lines(_readable(bytes(whole)).decode())

    def end(self) -> None:
        """Pass on a last line without a line end."""
        if self._open:
            self._on_lines(_readable(bytes(self._open)).decode())
            self._open.clear()


class OutputPipe:
    """A pipe for the output of a process.

    Between ``attend`` and ``take`` it is drained as it fills, otherwise only on request: most calls
    print less than the pipe holds and are over soon, and a wake-up for each line would cost more
    than the call. A process that prints without end is slowed down to 60 MB a second. The pipe
    belongs to the running event loop. Hand ``write_end`` to the process, then close it here;
    ``close`` closes the rest.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._excerpt = Excerpt(limit)
        self._live: Live | None = None
        self._read_end, self.write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        self._loop = asyncio.get_running_loop()
        self._attended = False
        self._at_once = 0
        self._pause: asyncio.TimerHandle | None = None

    def attend(self) -> None:
        """Drain the pipe as it fills from now on, until :meth:`take`."""
        if not self._attended:
            self._attended = True
            self._at_once = _AT_ONCE
            self._listen()

    def drain(self) -> None:
        """Read what the pipe holds; call it now and then, so that the pipe does not fill up."""
        # A pipe holds 64 KiB, or 1 MiB at most if enlarged. The loop ends even if a process writes
        # as fast as this reads.
        for _ in range(16):
            if self._read() < _CHUNK:
                return

    def begin(self, on_lines: Callable[[str], None] | None = None) -> None:
        """Discard the output so far; ``on_lines`` gets the output from now on, line by line."""
        self.drain()
        self._excerpt = Excerpt(self._limit)
        self._live = None if on_lines is None else Live(on_lines)

    def text(self) -> str:
        """Return all output since ``begin``, including what the pipe still holds."""
        self.drain()
        return self._excerpt.text()

    def take(self) -> str:
        """Return :meth:`text`, and discard it."""
        text = self.text()
        self._neglect()
        self._excerpt = Excerpt(self._limit)
        if self._live is not None:
            self._live.end()
            self._live = None
        return text

    def close_write_end(self) -> None:
        """Close our copy of the write end, so that only the process holds it."""
        os.close(self.write_end)

    def close(self) -> None:
        """Stop reading; call it once."""
        self._neglect()
        os.close(self._read_end)

    def _neglect(self) -> None:
        if self._attended:
            self._attended = False
            self._loop.remove_reader(self._read_end)
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None

    def _listen(self) -> None:
        self._pause = None
        self._loop.add_reader(self._read_end, self._fills)

    def _fills(self) -> None:
        # However small: lines that are written one by one would keep the loop busy as well.
        if self._read() == 0:
            return
        if self._at_once:
            self._at_once -= 1
        else:
            self._loop.remove_reader(self._read_end)
            self._pause = self._loop.call_later(_PAUSE_SECONDS, self._listen)

    def _read(self) -> int:
        """Take in a piece, and return its size; 0 if there is none."""
        try:
            data = os.read(self._read_end, _CHUNK)
        except BlockingIOError:
            return 0
        if not data:
            self._neglect()  # no process holds the other end any more
            return 0
        self._excerpt.add(data)
        if self._live is not None:
            self._live.add(data)
        return len(data)
