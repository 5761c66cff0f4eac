"""Read and write files of the local store; encrypted ones have a name of their own.

Only the name tells that a file is encrypted, never the content, which an app may choose. Everything
here blocks.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

from ferryman import refusals
from ferryman.objects.sealing import (
    CHUNK,
    HEADER,
    TAG,
    ObjectKeys,
    chunk_count,
    kid_of,
    plain_size,
)
from ferryman.objects.signed_url import is_key

SUFFIX = ".sealed"


def sealed_name(path: Path) -> Path:
    """Return the name of the file at ``path`` if it is encrypted."""
    return Path(f"{path}{SUFFIX}")


def plain_name(name: str) -> str:
    """Return the name that a file has if it is not encrypted."""
    return name.removesuffix(SUFFIX)


def sealed_length(path: Path) -> int | None:
    """Return the size of the encrypted file at ``path`` (its plain name); None if there is none.

    Raises ``store_damaged`` if it was cut.
    """
    try:
        size = sealed_name(path).stat().st_size
    except FileNotFoundError:
        return None
    found = plain_size(size)
    if found is None:
        raise refusals.object_store.DAMAGED_SEALED(file=path.name)
    return found


def context_of(path: Path) -> bytes:
    """Return the context of the file at ``path``: a file's key, or a part's digest.

    A part may be linked into another file (ADR 102), so its context does not name the file.
    """
    if is_key(path.name):
        return b"file:" + path.name.encode("ascii")
    return b"part:" + path.name.partition("-")[2].encode("ascii")


def open_piece(path: Path, keys: ObjectKeys) -> "Readable":
    """Open the file at ``path`` for reading, whether it is encrypted or not.

    Raises FileNotFoundError, and what :class:`SealedReader` does.
    """
    try:
        return FileIO(path)
    except FileNotFoundError:
        # Encrypting a file removes its plain name last.
        return SealedReader(path, keys)


def newest_sealed(path: Path, keys: ObjectKeys) -> bool:
    """Return whether the file at ``path`` is encrypted by the newest key; FileNotFoundError."""
    try:
        with FileIO(sealed_name(path)) as file:
            return kid_of(file.read(HEADER)) == keys.kids[0]
    except FileNotFoundError:
        if path.exists():
            return False
        raise


class SealedReader:
    """The plain bytes of the encrypted file at ``path``, from any position on.

    Raises ``OutsideError``: ``object_key_missing`` or ``store_damaged``.
    """

    def __init__(self, path: Path, keys: ObjectKeys) -> None:
        self._path = path
        self._file = FileIO(sealed_name(path))
        try:
            size = plain_size(os.fstat(self._file.fileno()).st_size)
            header = os.pread(self._file.fileno(), HEADER, 0)
            self._cipher = keys.cipher(header, context_of(path), path.name)
            if size is None:
                raise self._damaged()
        except BaseException:
            self._file.close()
            raise
        self.size = size
        self._count = chunk_count(size)
        self._at = 0
        self._number = -1
        self._chunk = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def seek(self, offset: int) -> int:
        """Read on from there."""
        self._at = offset
        return offset

    def read(self, size: int) -> bytes:
        """Return the next ``size`` bytes, or fewer at the end of the file."""
        end = min(self._at + size, self.size)
        pieces = []
        if not self.size:
            self.prove_size()  # an empty file has a chunk as well
        while self._at < end:
            number, offset = divmod(self._at, CHUNK)
            piece = self._open(number)[offset : offset + end - self._at]
            pieces.append(piece)
            self._at += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def prove_size(self) -> None:
        """Open the last chunk: a file that was cut at a chunk's end has one that does not."""
        self._open(self._count - 1)

    def _open(self, number: int) -> bytes:
        if number != self._number:
            at = HEADER + number * (CHUNK + TAG)
            sealed = os.pread(self._file.fileno(), CHUNK + TAG, at)
            chunk = self._cipher.open(number, sealed, last=number + 1 == self._count)
            if chunk is None:
                raise self._damaged()
            self._number, self._chunk = number, chunk
        return self._chunk

    def _damaged(self) -> Exception:
        return refusals.object_store.DAMAGED_SEALED(file=self._path.name)


Readable = FileIO | SealedReader


class SealedWriter:
    """Encrypts the bytes that it is given for the file at ``path``, and hands them to ``write``."""

    def __init__(self, write: Callable[[bytes], None], keys: ObjectKeys, path: Path) -> None:
        self._write = write
        header, self._cipher = keys.begin(context_of(path))
        self._held = bytearray()
        self._number = 0
        write(header)

    def write(self, data: bytes) -> None:
        """Take the next bytes; at most a chunk waits for more."""
        rest = memoryview(data)
        if self._held:
            room = CHUNK - len(self._held)
            self._held += rest[:room]
            rest = rest[room:]
            if not rest:
                return
            self._emit(bytes(self._held))
            self._held.clear()
        while len(rest) > CHUNK:
            self._emit(rest[:CHUNK])
            rest = rest[CHUNK:]
        self._held += rest

    def finish(self) -> None:
        """Write the last chunk, without which the file does not open."""
        self._emit(bytes(self._held), last=True)

    def _emit(self, chunk: bytes | memoryview, *, last: bool = False) -> None:
        self._write(self._cipher.seal(self._number, chunk, last=last))
        self._number += 1


class PlainWriter:
    """Writes bytes as they are, with the methods of :class:`SealedWriter`."""

    def __init__(self, file: FileIO) -> None:
        self._file = file

    def write(self, data: bytes) -> None:
        """Write the next bytes."""
        write_all(self._file, data)

    def finish(self) -> None:
        """Do nothing: all is written."""


Writer = PlainWriter | SealedWriter


def remove_sealed(path: Path) -> None:
    """Remove the encrypted file at ``path`` (its plain name), if there is one."""
    with suppress(NotADirectoryError):
        sealed_name(path).unlink(missing_ok=True)


def write_all(file: FileIO, data: bytes) -> None:
    """Write all of ``data``: a disk that is full takes a part of it first."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]
