"""Receive one part: hash it while writing, and keep it only if it is what was signed."""

import asyncio
import fcntl
import os
import shutil
from functools import partial
from hashlib import sha256
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

from ferryman import refusals
from ferryman.disk import room_in
from ferryman.in_parallel import in_thread
from ferryman.objects.folder import disk_errors, locked, make_folder, same_number
from ferryman.objects.sealed_file import (
    PlainWriter,
    SealedWriter,
    Writer,
    remove_sealed,
    sealed_name,
    write_all,
)
from ferryman.objects.sealing import NO_KEYS, ObjectKeys

# A part this large belongs to a long stream. Its pages are dropped from the cache once they are on
# disk: a file larger than memory must not evict everything else, and writing into pages just freed
# measured 2.5 times cheaper than into new ones (1.4 s of system time per GiB, not 3.6).
_STREAMED = 8 << 20


_HELD = 256 << 10
"""Bytes of a part that waits in memory until it is whole, so that one thread does all the rest."""

_SEALED_AT_ONCE = 1 << 20
"""Bytes that a thread encrypts at a time, and that wait for it in memory."""


class IncomingPart:
    """A part being received: write chunks, then :meth:`keep`, or nothing is kept.

    Leaving the ``with`` block without :meth:`keep` discards it. ``temporary`` must not exist yet;
    ``target`` is where the part is moved to. Its folder must exist, unless the part is ``alone``:
    a whole file, which goes beside others. ``write`` blocks while the page cache takes a chunk,
    which measured faster than handing chunks to threads; :meth:`keep` waits for the disk in a
    thread. With ``keys`` the bytes are encrypted before they are written, in a thread.
    """

    def __init__(
        self,
        temporary: Path,
        target: Path,
        *,
        size: int,
        digest: str,
        alone: bool = False,
        reserve: int = 0,
        keys: ObjectKeys = NO_KEYS,
    ) -> None:
        self._temporary = temporary
        self._target = target
        self._size = size
        self._digest = digest
        self._alone = alone
        self._reserve = reserve
        self._written = 0
        self._keys = keys
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._hash = sha256()
        self._file: FileIO | None = None
        self._writer: Writer | None = None

    def __enter__(self) -> Self:
        if not self._alone and not self._target.parent.is_dir():
            raise refusals.upload.CLOSED_IN_STORE()
        if self._size > _HELD:
            self._file = self._create()
            try:
                self._writer = self._write_to(self._file)
            except BaseException:  # no room for the first bytes
                self.__exit__(None, None, None)
                raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._temporary.unlink(missing_ok=True)
            self._file.close()

    async def take(self, chunk: bytes) -> None:
        """Write a chunk as :meth:`write` does, but encrypt in a thread."""
        if not self._keys:
            self.write(chunk)
            return
        self._count(chunk)
        self._held.append(chunk)
        self._held_bytes += len(chunk)
        if self._writer is not None and self._held_bytes >= _SEALED_AT_ONCE:
            # Until it has ended: nobody else may use the hash and the file.
            await in_thread(self._write_held)

    def write(self, chunk: bytes) -> None:
        """Write a chunk; raise ``Invalid`` (``size_mismatch``) at the first byte too many."""
        self._count(chunk)
        self._held.append(chunk)
        if self._writer is not None:
            self._write_held()

    def _count(self, chunk: bytes) -> None:
        self._written += len(chunk)
        if self._written > self._size:
            raise refusals.upload.SIZE_MISMATCH(
                size=self._size, found=f"{self._written} bytes or more"
            )

    async def keep(self) -> None:
        """Accept the part; once this returns, its bytes are on disk.

        Its name survives a kill at once, and a power cut once the file is complete; until then a
        sender that resumes asks which parts are there.

        Raises ``Invalid`` (``size_mismatch``, ``checksum_mismatch``), or ``Conflict``
        (``upload_closed``) if the upload was completed or aborted meanwhile.
        """
        if self._written != self._size:
            raise refusals.upload.SIZE_MISMATCH(size=self._size, found=f"{self._written} bytes")
        if self._keys and self._file is not None:
            await in_thread(self._keep)  # it writes to a file that the caller closes
            return
        # Not to_thread: copying the context costs as much as the whole hop.
        await asyncio.get_running_loop().run_in_executor(None, self._keep)

    def _keep(self) -> None:
        if self._file is not None and self._writer is not None:
            self._write_held()
            self._check_digest()
            self._move(self._file, self._writer)
            return
        for chunk in self._held:
            self._hash.update(chunk)
        self._check_digest()
        # The file is this thread's own: a caller that is cancelled meanwhile leaves it alone.
        with self._create() as file:
            try:
                writer = self._write_to(file)
                with disk_errors():
                    for chunk in self._held:
                        writer.write(chunk)
                self._move(file, writer)
            except BaseException:
                self._temporary.unlink(missing_ok=True)
                raise

    def _check_digest(self) -> None:
        digest = self._hash.hexdigest()
        if digest != self._digest:
            raise refusals.upload.CHECKSUM_MISMATCH_OF_PART(expected=self._digest, digest=digest)

    def _write_held(self) -> None:
        # Joined, so that whole chunks are encrypted where they are; one alone is not copied.
        data = b"".join(self._held)
        self._held, self._held_bytes = [], 0
        self._hash.update(data)
        if self._writer is not None:
            with disk_errors():
                self._writer.write(data)

    def _write_to(self, file: FileIO) -> Writer:
        if not self._keys:
            return PlainWriter(file)
        with disk_errors():
            return SealedWriter(partial(write_all, file), self._keys, self._target)

    def _create(self) -> FileIO:
        with disk_errors():
            space = room_in(self._temporary.parent, self._reserve)
            if space.left < self._size:
                raise refusals.object_store.RESERVE(free=space.free, reserve=space.reserve)
            while True:
                file = FileIO(self._temporary, "x")
                # Held until the file is closed; tells a part being written from a left-over.
                fcntl.flock(file, fcntl.LOCK_EX)
                # Another process may have removed it as a left-over before that.
                if os.fstat(file.fileno()).st_nlink:
                    return file
                file.close()

    def _move(self, file: FileIO, writer: Writer) -> None:
        with disk_errors():
            writer.finish()
            os.fsync(file.fileno())
            if self._size >= _STREAMED:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            put_part(self._temporary, self._target, alone=self._alone, sealed=bool(self._keys))


def put_part(temporary: Path, target: Path, *, alone: bool, sealed: bool = False) -> None:
    """Give a part its final name; raise ``Conflict`` (``upload_closed``) if its upload is closed.

    A part that is ``alone`` is a whole file, which lies beside others. ``target`` is its plain
    name.
    """
    if alone:
        _put_alone(temporary, target, sealed=sealed)
        return
    final = sealed_name(target) if sealed else target
    # Of bodies for one number the last counts; with the lock, each sees those before it.
    with locked(target.parent) as is_open:
        if not is_open:
            raise refusals.upload.CLOSED_IN_STORE()
        temporary.rename(final)
        for other in same_number(final):
            other.unlink()


def _put_alone(temporary: Path, target: Path, *, sealed: bool) -> None:
    final = sealed_name(target) if sealed else target
    try:
        temporary.rename(final)
    except FileNotFoundError:
        make_folder(target.parent)
        temporary.rename(final)
    except IsADirectoryError:  # the file was completed in parts instead
        raise refusals.upload.CLOSED_IN_STORE() from None
    # Whoever closes it makes a folder of its plain name, and then removes this one.
    if sealed and target.is_dir():
        remove_sealed(target)
        raise refusals.upload.CLOSED_IN_STORE()


def clear_incoming(folder: Path) -> None:
    """Remove what killed processes left behind, but not parts that another process is writing."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
            continue
        try:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
        except (BlockingIOError, FileNotFoundError):
            continue
