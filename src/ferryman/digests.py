"""Digests of whole files, made of those of their parts. Digests are lower-case hex."""

from collections.abc import Iterable, Iterator
from hashlib import sha256


def parts_digest(digests: Iterable[str | None]) -> str | None:
    """Return the digest over the parts' digests, ``partsSha256``; None if one is unknown.

    It is the sha256 of the parts' sha256 in the order of the file, 32 bytes each. With the sizes
    and digests of the parts it proves every byte, and no byte is hashed twice for it.
    """
    whole = sha256()
    for digest in digests:
        if digest is None:
            return None
        whole.update(bytes.fromhex(digest))
    return whole.hexdigest()


class PartsHasher:
    """Computes ``partsSha256`` of bytes that come in pieces; ``sizes`` are those of the parts."""

    def __init__(self, sizes: Iterable[int]) -> None:
        self._sizes: Iterator[int] = iter(sizes)
        self._digests: list[str] = []
        self._part = sha256()
        self._left = next(self._sizes, None)

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        """Add the next bytes; those after the last part make it another digest."""
        view = memoryview(data)
        while view.nbytes:
            if self._left == 0:
                self._end_part()
            taken = view if self._left is None else view[: self._left]
            self._part.update(taken)
            view = view[taken.nbytes :]
            if self._left is not None:
                self._left -= taken.nbytes

    def hexdigest(self) -> str:
        """Return the digest, after the last byte."""
        return parts_digest([*self._digests, self._part.hexdigest()]) or ""

    def _end_part(self) -> None:
        self._digests.append(self._part.hexdigest())
        self._part = sha256()
        self._left = next(self._sizes, None)
