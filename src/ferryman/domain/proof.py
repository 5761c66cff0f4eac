"""Comparing bytes, as they are read, with the size and digests they were accepted by."""

import re
from collections.abc import Sequence
from hashlib import md5, sha256

from ferryman.wire.upload import StoredPart

_MD5 = re.compile(r"[0-9a-f]{32}", re.ASCII)
_NAMED = 10


class Reading:
    """One file being read from its first byte; ``parts`` are what it was made of, in order."""

    def __init__(self, parts: Sequence[StoredPart]) -> None:
        self.size = 0
        self._whole = sha256()
        self._parts = list(parts)
        self._place = 0
        self._left = parts[0].size if parts else 0
        self._part = _digest_of(parts[0]) if parts else sha256()
        self._wrong: list[str] = []

    @property
    def sha256(self) -> str:
        """Of all bytes so far."""
        return self._whole.hexdigest()

    def feed(self, chunk: bytes) -> None:
        """The next bytes of the file."""
        self.size += len(chunk)
        self._whole.update(chunk)
        view = memoryview(chunk)
        while view and self._place < len(self._parts):
            piece, view = view[: self._left], view[self._left :]
            self._part.update(piece)
            self._left -= len(piece)
            if not self._left:
                self._next_part()

    def differences(self, size: int, digest: str) -> list[str]:
        """What differs, now that all is read, from the whole file's size and sha256; in words."""
        while self._place < len(self._parts) and not self._left:
            self._next_part()
        found = []
        if self.size != size:
            found.append(f"size: {size} bytes were accepted, {self.size} are there")
        if self.sha256 != digest:
            found.append(f"sha256: {digest} was accepted, {self.sha256} is there")
        if self._place < len(self._parts):
            found.append(f"parts: it ends within part {self._parts[self._place].number}")
        more = len(self._wrong) - _NAMED
        found += self._wrong[:_NAMED]
        return [*found, f"and {more} more parts"] if more > 0 else found

    def _next_part(self) -> None:
        part, found = self._parts[self._place], self._part.hexdigest()
        expected = part.sha256 or part.etag.strip('"')
        # An etag that is no digest, as under a key of KMS, says nothing of the bytes.
        if len(expected) == len(found) and expected != found:
            name = "sha256" if part.sha256 else "etag"
            self._wrong.append(f"part {part.number}: {name} {expected} was accepted, not {found}")
        self._place += 1
        if self._place < len(self._parts):
            self._left = self._parts[self._place].size
            self._part = _digest_of(self._parts[self._place])


def _digest_of(part: StoredPart):  # type: ignore[no-untyped-def]  # hashlib's type has no name
    if part.sha256 is None and _MD5.fullmatch(part.etag.strip('"')):
        return md5(usedforsecurity=False)
    return sha256()
