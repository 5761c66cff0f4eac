"""Bound what happens at the same time for one of many, such as an app's readers of files."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from ferryman import refusals
from ferryman.errors import RateLimited

READERS = 200
"""Readers of one app at a time; 200 that stopped reading hold less than 100 MiB."""

BODIES = 4
"""Bodies of one part that come at a time: a client that lost a connection sends another.

A process takes two of them at least, however many processes there are.
"""

READ_BYTES = 32 << 10
"""Bytes sent to a reader at once: one that stops costs a few of them."""

_AGAIN_SECONDS = 5


class AtOnce:
    """Counts in this process, by a name for whoever it is; ``limit`` is for each name."""

    def __init__(self, limit: int, refusal: refusals.Refusal[RateLimited]) -> None:
        self._limit, self._refusal = limit, refusal
        self._counts: Counter[str] = Counter()

    def check(self, name: str) -> None:
        """Raise :class:`RateLimited` if there are as many as there may be."""
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
        """Yield ``chunks``, counting one more from the first to the last."""
        with self.counting(name):
            async for chunk in chunks:
                yield chunk


def readers(share: int = 1) -> AtOnce:
    """Return the count of each app's readers, in one of ``share`` processes."""
    return AtOnce(-(-READERS // share), refusals.request.TOO_MANY_READERS)


def bodies(share: int = 1) -> AtOnce:
    """Return the count of each part's bodies, in one of ``share`` processes."""
    return AtOnce(max(2, BODIES // share), refusals.request.TOO_MANY_BODIES)
