"""Where a backup is: named files in a folder, each there as a whole or not at all."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from io import FileIO
from pathlib import Path
from typing import Protocol

from ferryman import refusals
from ferryman.ids import ephemeral_id
from ferryman.in_parallel import in_thread, opened_in_thread
from ferryman.objects.folder import make_folder, sync_file_system
from ferryman.objects.sealed_file import PlainWriter, Readable, Writer
from ferryman.server.backup.place_files import below, keep, listed

STEP = 1 << 20
"""Bytes that are copied at once."""

_DRAFTS = "incoming"
_LOCK = "lock"


@dataclass(frozen=True, slots=True)
class Written:
    """A written file: its size in bytes, and its digest in hex."""

    size: int
    sha256: str


class BackupPlace(Protocol):
    """Files by name, with slashes. Each method may raise ``OutsideError``."""

    async def put(self, name: str, chunks: AsyncIterator[bytes]) -> Written:
        """Write a file, in place of any with that name."""

    def get(self, name: str) -> AsyncIterator[bytes]:
        """Yield the bytes of a file; raises FileNotFoundError."""

    async def size(self, name: str) -> int | None:
        """Return the size of a file in bytes; None if there is none."""

    def files(self, under: str) -> AsyncIterator[tuple[str, int]]:
        """Yield name and size of the files whose names begin with ``under``, in order.

        ``under`` is empty or ends with a slash.
        """

    async def delete(self, name: str) -> None:
        """Remove a file; harmless if there is none."""

    async def flush(self) -> None:
        """Return when all that was written survives a power cut."""


class Folder:
    """A place in a folder of this machine that no other user can enter."""

    own = (_DRAFTS, _LOCK)
    """The names in the folder that are no files of a backup."""

    def __init__(self, root: Path, drafts: Path | None = None) -> None:
        self.root = root
        self._drafts = drafts or root / _DRAFTS

    def __str__(self) -> str:
        """Return the path."""
        return str(self.root)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Make the folder for a backup, and keep others out; raises ``backup_in_use``."""
        with place_errors():
            make_folder(self.root)
            file = FileIO(self.root / _LOCK, "w", opener=_private)
        with file:
            self._lock(file, fcntl.LOCK_EX)
            self.clear_drafts()
            yield

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Keep new backups out, but not other readers; raises ``backup_in_use``."""
        try:
            with place_errors():
                file = FileIO(self.root / _LOCK)
        except FileNotFoundError:  # a copy of a backup need not have one
            yield
            return
        with file:
            self._lock(file, fcntl.LOCK_SH)
            yield

    def _lock(self, file: FileIO, kind: int) -> None:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except OSError:
            raise refusals.backup.IN_USE(place=self.root) from None

    def clear_drafts(self) -> None:
        """Make the folder; remove half-written files of a killed process."""
        with place_errors():
            make_folder(self.root)
            make_folder(self._drafts)
            for path in self._drafts.iterdir():
                if path.is_file():
                    path.unlink(missing_ok=True)

    async def put(self, name: str, chunks: AsyncIterator[bytes]) -> Written:
        """Write a file; see :class:`BackupPlace`."""
        draft, digest, size = self._drafts / str(ephemeral_id()), sha256(), 0
        try:
            with place_errors():
                file = await opened_in_thread(_create, draft)
            with file:
                writer = await in_thread(self._writer, file, name)
                async for chunk in chunks:
                    size += len(chunk)
                    with place_errors():
                        await in_thread(_write, writer, digest.update, chunk)
                with place_errors():
                    await in_thread(writer.finish)
            with place_errors():
                await asyncio.to_thread(keep, draft, self._path(name))
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        return Written(size, digest.hexdigest())

    def copy_in(
        self,
        name: str,
        pieces: Iterable[Callable[[], Readable]],
        feed: Callable[[bytes], None] | None = None,
    ) -> Written:
        """Write a file made of what ``pieces`` open; it blocks, and ``feed`` sees the bytes.

        Raises FileNotFoundError for a piece that is not there.
        """
        draft, digest, size = self._drafts / str(ephemeral_id()), sha256(), 0
        try:
            with _create(draft) as file:
                writer = self._writer(file, name)
                for piece in pieces:
                    with piece() as source:
                        while chunk := source.read(STEP):
                            size += len(chunk)
                            _write(writer, digest.update, chunk)
                            if feed is not None:
                                feed(chunk)
                writer.finish()
            keep(draft, self._path(name))
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        return Written(size, digest.hexdigest())

    async def get(self, name: str) -> AsyncIterator[bytes]:
        """Yield the bytes of a file; see :class:`BackupPlace`."""
        with place_errors():
            file = await asyncio.to_thread(self.opened, name)
        with file:
            while True:
                with place_errors():
                    chunk = await asyncio.to_thread(file.read, STEP)
                if not chunk:
                    return
                yield chunk

    async def size(self, name: str) -> int | None:
        """Return the size of a file; see :class:`BackupPlace`."""
        with place_errors(), suppress(FileNotFoundError):
            return await asyncio.to_thread(self.length, name)
        return None

    def opened(self, name: str) -> Readable:
        """Open a file to read it; FileNotFoundError if there is none."""
        return FileIO(self.root / name)

    def length(self, name: str) -> int:
        """Return the bytes of a file; FileNotFoundError if there is none."""
        return (self.root / name).stat().st_size

    def _path(self, name: str) -> Path:
        return self.root / name

    def _writer(self, file: FileIO, name: str) -> Writer:  # noqa: ARG002 - see EncryptedFolder
        return PlainWriter(file)

    async def files(self, under: str) -> AsyncIterator[tuple[str, int]]:
        """Yield names and sizes; see :class:`BackupPlace`."""
        folder = self.root / under
        for entry in await asyncio.to_thread(listed, folder):
            if under or entry not in self.own:
                for path, size in await asyncio.to_thread(below, folder, entry):
                    yield f"{under}{path}", size

    async def delete(self, name: str) -> None:
        """Remove a file, and its folder if it was the last one in it."""
        path = self.root / name
        with place_errors():
            await asyncio.to_thread(path.unlink, missing_ok=True)
        with suppress(OSError):
            path.parent.rmdir()

    async def flush(self) -> None:
        """Write everything to disk; see :class:`BackupPlace`."""
        with place_errors():
            await asyncio.to_thread(sync_file_system, self.root)


@contextmanager
def place_errors() -> Iterator[None]:
    """Turn errors of the disk into ``OutsideError``; a missing file stays FileNotFoundError."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise refusals.backup.PLACE_UNUSABLE(found=os.strerror(error.errno or 0)) from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _create(path: Path) -> FileIO:
    return FileIO(path, "x", opener=_private)


def _write(writer: Writer, hashed: Callable[[bytes], None], chunk: bytes) -> None:
    hashed(chunk)
    writer.write(chunk)
