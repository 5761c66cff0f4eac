"""Verify a file as it is read, against the size and digests it was accepted with."""

import re
from collections.abc import Sequence
from hashlib import md5, sha256
from typing import Protocol

from ferryman.digests import parts_digest

_MD5 = re.compile(r"[0-9a-f]{32}", re.ASCII)
_NAMED = 10


class AcceptedPart(Protocol):
    """A part of an accepted file; ``sha256`` is None if its uploader gave none."""

    @property
    def number(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def etag(self) -> str: ...
    @property
    def sha256(self) -> str | None: ...


class FileVerifier:
    """Verifies one file while it is read from its first byte; ``parts`` are its parts in order.

    ``digest`` is the sha256 of the whole, if the file was accepted with one.
    """

    def __init__(self, parts: Sequence[AcceptedPart], digest: str | None) -> None:
        self.size = 0
        self._accepted = digest
        self._whole = None if digest is None else sha256()
        self._parts = list(parts)
        self._place = 0
        self._left = parts[0].size if parts else 0
        self._part = _digest_of(parts[0]) if parts else sha256()
        self._wrong: list[str] = []
        self._found: list[str | None] = []

    @property
    def sha256(self) -> str | None:
        """The digest of all bytes fed so far, as lower-case hex; None if it was not asked for."""
        return None if self._whole is None else self._whole.hexdigest()

    @property
    def parts_sha256(self) -> str | None:
        """The digest over the digests of all parts read so far; None if a part has none."""
        return parts_digest(self._found)

    def feed(self, chunk: bytes) -> None:
        """Add the next bytes of the file."""
        self.size += len(chunk)
        if self._whole is not None:
            self._whole.update(chunk)
        view = memoryview(chunk)
        while view and self._place < len(self._parts):
            piece, view = view[: self._left], view[self._left :]
            self._part.update(piece)
            self._left -= len(piece)
            if not self._left:
                self._next_part()

    def differences(self, size: int) -> list[str]:
        """Describe, after the last byte, how the file differs from the accepted one."""
        while self._place < len(self._parts) and not self._left:
            self._next_part()
        differences = []
        if self.size != size:
            differences.append(f"size: {size} bytes were accepted, {self.size} are there")
        if self.sha256 != self._accepted:
            differences.append(f"sha256: {self._accepted} was accepted, {self.sha256} is there")
        if self._place < len(self._parts):
            differences.append(f"parts: it ends within part {self._parts[self._place].number}")
        more = len(self._wrong) - _NAMED
        differences += self._wrong[:_NAMED]
        return [*differences, f"and {more} more parts"] if more > 0 else differences

    def _next_part(self) -> None:
        part, actual = self._parts[self._place], self._part.hexdigest()
        self._found.append(actual if part.sha256 else None)
        expected = part.sha256 or part.etag.strip('"')
        # An ETag that is not a digest, as with a KMS key, says nothing about the bytes.
        if len(expected) == len(actual) and expected != actual:
            name = "sha256" if part.sha256 else "etag"
            self._wrong.append(f"part {part.number}: {name} {expected} was accepted, not {actual}")
        self._place += 1
        if self._place < len(self._parts):
            self._left = self._parts[self._place].size
            self._part = _digest_of(self._parts[self._place])


def _digest_of(part: AcceptedPart):  # type: ignore[no-untyped-def]  # hashlib's type has no name
    if part.sha256 is None and _MD5.fullmatch(part.etag.strip('"')):
        return md5(usedforsecurity=False)
    return sha256()
