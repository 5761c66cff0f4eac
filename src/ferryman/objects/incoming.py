"""One part on its way in: hashed while it is written, kept only when it is what was signed."""

import asyncio
import fcntl
import os
import shutil
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self

from ferryman.errors import Conflict, Invalid
from ferryman.objects.folder import disk_errors

# A part this large belongs to a long stream. Its pages are given back as soon as they are on
# disk: a file larger than memory must not push everything else out, and writing into pages just
# freed measured 2.5 times cheaper than into new ones (1.4 s of system time for a GiB, not 3.6).
_STREAMED = 8 << 20


class IncomingPart:
    """Write chunks, then :meth:`keep`; leaving the ``with`` block without it keeps nothing.

    ``temporary`` must not exist yet; ``target`` is where the part goes in one move. ``write``
    blocks for as long as the page cache takes a chunk, which measured faster than handing
    chunks to threads; the wait for the disk in :meth:`keep` is in a thread.
    """

    def __init__(self, temporary: Path, target: Path, *, size: int, digest: str) -> None:
        self._temporary = temporary
        self._target = target
        self._size = size
        self._digest = digest
        self._written = 0
        self._hash = sha256()

    def __enter__(self) -> Self:
        if not self._target.parent.is_dir():
            raise upload_closed()
        with disk_errors():
            self._file = self._temporary.open("xb", buffering=0)
            # Held until the file is closed: tells a part on its way from a left-over.
            fcntl.flock(self._file, fcntl.LOCK_EX)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._temporary.unlink(missing_ok=True)
        self._file.close()

    def write(self, chunk: bytes) -> None:
        """Take some bytes. Raises ``Invalid`` (``size_mismatch``) at the first byte too many."""
        self._written += len(chunk)
        if self._written > self._size:
            raise size_mismatch(self._size, f"{self._written} bytes or more")
        self._hash.update(chunk)
        rest = memoryview(chunk)
        with disk_errors():
            while rest:
                rest = rest[self._file.write(rest) :]

    async def keep(self) -> None:
        """Accept the part: when this returns its bytes are on disk.

        Its name is there after a kill, and after a power cut once the file is complete: until
        then a sender that goes on asks which parts are there.

        Raises ``Invalid`` (``size_mismatch``, ``checksum_mismatch``), or ``Conflict``
        (``upload_closed``) when the upload was completed or aborted meanwhile.
        """
        if self._written != self._size:
            raise size_mismatch(self._size, f"{self._written} bytes")
        found = self._hash.hexdigest()
        if found != self._digest:
            raise Invalid(
                "checksum_mismatch",
                expected=f"bytes with sha256 {self._digest}",
                found=f"sha256 {found}",
                fix="The bytes changed on the way, or before they were hashed: send them again.",
            )
        await asyncio.to_thread(self._move)

    def _move(self) -> None:
        with disk_errors():
            os.fsync(self._file.fileno())
            if self._size >= _STREAMED:
                os.posix_fadvise(self._file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            try:
                self._temporary.rename(self._target)
            except FileNotFoundError:
                if self._target.parent.is_dir():
                    raise
                raise upload_closed() from None


def clear_incoming(folder: Path) -> None:
    """Remove what killed processes left behind; parts that another process writes stay."""
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


def size_mismatch(size: int, found: str) -> Invalid:
    """The body is not as long as the signature says."""
    return Invalid(
        "size_mismatch",
        expected=f"a body of exactly {size} bytes, as signed",
        found=found,
        fix="Ask for the URL with the size of the part, and send the whole part.",
    )


def upload_closed() -> Conflict:
    """The upload takes no parts any more."""
    return Conflict(
        "upload_closed",
        expected="an open upload",
        found="one that was completed or aborted, or never begun",
        fix="Read the state of the upload; begin a new one if the file is not complete.",
    )
