"""Completed files of the local store: find one, and read it."""

import asyncio
import stat
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from ferryman import refusals
from ferryman.errors import PlatformError
from ferryman.objects.folder import disk_errors, listed, part_path, read_list
from ferryman.objects.sealed_file import open_piece, sealed_length, sealed_name
from ferryman.objects.sealing import ObjectKeys


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A completed file: the files on disk that make it up, with their sizes, and its etag.

    ``sealed`` is whether the first of them is encrypted; paths are plain names. ``content`` holds
    the bytes if they were read when the file was found.
    """

    pieces: tuple[tuple[Path, int], ...]
    etag: str
    sealed: bool = False
    content: bytes | None = None

    @property
    def size(self) -> int:
        """Return the size of the whole file in bytes."""
        return sum(size for _, size in self.pieces)

    def slices(self, start: int, end: int) -> Iterator[tuple[Path, int, int]]:
        """Yield the files, offsets and lengths that make up the bytes from ``start`` to ``end``."""
        begins = 0
        for path, size in self.pieces:
            first, last = max(start, begins), min(end, begins + size)
            if first < last:
                yield path, first - begins, last - first
            begins += size


def find_object(path: Path) -> StoredObject | None:
    """Return the file under the name ``path``; None if there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        size = sealed_length(path)
        return None if size is None else StoredObject(((path, size),), path.name, sealed=True)
    if stat.S_ISREG(status.st_mode):
        return StoredObject(((path, status.st_size),), path.name)
    parts = read_list(path)
    if parts is None:
        return None
    pieces = tuple((part_path(path, part), part.size) for part in parts)
    sealed = bool(pieces) and sealed_name(pieces[0][0]).exists()
    return StoredObject(pieces, sha256(listed(parts)).hexdigest(), sealed=sealed)


def with_content(stored: StoredObject, keys: ObjectKeys) -> StoredObject:
    """Return a file of one piece with its content; without it, if that cannot be read at once."""
    if len(stored.pieces) != 1:
        return stored
    [(path, size)] = stored.pieces
    try:
        with open_piece(path, keys) as file:
            content = file.read(size)
    except (OSError, PlatformError):
        return stored  # whoever reads it is told why
    return replace(stored, content=content) if len(content or b"") == size else stored


async def read_pieces(
    stored: StoredObject, start: int, end: int, step: int, keys: ObjectKeys
) -> AsyncIterator[bytes]:
    """Yield the bytes from ``start`` up to ``end``, excluded, at most ``step`` at once.

    Raises ``OutsideError`` (``store_damaged``, ``object_key_missing``).
    """
    for path, offset, length in stored.slices(start, end):
        with disk_errors():
            file = await asyncio.to_thread(open_piece, path, keys)
        with file:
            file.seek(offset)
            left = length
            while left:
                with disk_errors():
                    chunk = await asyncio.to_thread(file.read, min(left, step))
                if not chunk:
                    raise refusals.object_store.DAMAGED(file=path.name)
                left -= len(chunk)
                yield chunk
