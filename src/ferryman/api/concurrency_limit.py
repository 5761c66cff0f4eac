"""Limit how much runs at the same time for each app or upload, such as an app's downloads."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from ferryman import refusals
from ferryman.errors import RateLimited

READERS = 200
"""Downloads of one app at a time; 200 whose clients stopped reading hold less than 100 MiB."""

BODIES = 4
"""Request bodies of one part at a time: a client that lost a connection sends the part again.

Each process takes at least two, however many processes there are.
"""

READ_BYTES = 32 << 10
"""Size of the pieces in which a file is sent: a stopped client holds a few of them."""

_AGAIN_SECONDS = 5


class ConcurrencyLimit:
    """Counts what runs in this process, with the same ``limit`` for each name."""

    def __init__(self, limit: int, refusal: refusals.Refusal[RateLimited]) -> None:
        self._limit, self._refusal = limit, refusal
        self._counts: Counter[str] = Counter()

    def check(self, name: str) -> None:
        """Raise :class:`RateLimited` if the limit of the name is reached."""
        if self._counts[name] >= self._limit:
            raise self._refusal(limit=self._limit).after(_AGAIN_SECONDS)

    @contextmanager
    def counting(self, name: str) -> Iterator[None]:
        """Count one more while the block runs."""
        self._counts[name] += 1
        try:
            yield
        finally:
            self._counts[name] -= 1
            if not self._counts[name]:
                del self._counts[name]

    async def counted(self, name: str, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield ``chunks``, counting one more until the last."""
        with self.counting(name):
            async for chunk in chunks:
                yield chunk


def readers(share: int = 1) -> ConcurrencyLimit:
    """Return the limit on each app's downloads, in one of ``share`` processes."""
    return ConcurrencyLimit(-(-READERS // share), refusals.request.TOO_MANY_READERS)


def bodies(share: int = 1) -> ConcurrencyLimit:
    """Return the limit on each part's request bodies, in one of ``share`` processes."""
    return ConcurrencyLimit(max(2, BODIES // share), refusals.request.TOO_MANY_BODIES)
