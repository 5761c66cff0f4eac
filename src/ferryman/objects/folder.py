"""How the local store lies on disk, and the moves on it that survive a kill at any instant.

    incoming/                    bytes on their way in or out; only left-overs after a kill
    uploads/KEY/NUMBER-SHA256    accepted parts of an open upload, whole and on disk
    objects/KE/KEY/              a completed file: its parts and the list of them, ``parts``

A file is its ordered parts: completing renames one folder and copies no byte. Everything here is
blocking and knows no event loop.
"""

import errno
import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from ferryman.errors import OutsideError
from ferryman.wire.upload import StoredPart

_LIST = "parts"
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A completed file: its folder, its parts in order and a digest of the list of them."""

    folder: Path
    parts: tuple[StoredPart, ...]
    etag: str

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return sum(part.size for part in self.parts)

    def slices(self, start: int, end: int) -> Iterator[tuple[Path, int, int]]:
        """The files, offsets and lengths that make up the bytes from ``start`` to ``end``."""
        begins = 0
        for part in self.parts:
            first, last = max(start, begins), min(end, begins + part.size)
            if first < last:
                yield part_path(self.folder, part), first - begins, last - first
            begins += part.size


def part_path(folder: Path, part: StoredPart) -> Path:
    """Where ``folder`` keeps ``part``; the name says what the file must contain."""
    return folder / f"{part.number}-{part.sha256}"


def parts_in(folder: Path) -> list[StoredPart]:
    """The accepted parts of an upload, by number; empty when there is no such upload."""
    parts = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                number, dash, digest = entry.name.partition("-")
                if dash:
                    parts.append(_part(int(number), entry.stat().st_size, digest))
    except FileNotFoundError:
        return []
    return sorted(parts, key=lambda part: part.number)


def write_list(folder: Path, parts: Sequence[StoredPart]) -> None:
    """Write down what the file consists of and remove every other part; then all is on disk.

    The list counts only under ``objects/``, so one cut short by a kill is just written again.
    """
    text = "".join(f"{part.number} {part.size} {part.sha256}\n" for part in parts)
    with (folder / _LIST).open("wb") as file:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
    wanted = {part_path(folder, part).name for part in parts} | {_LIST}
    for path in folder.iterdir():
        if path.name not in wanted:
            path.unlink()
    sync_folder(folder)


def read_list(folder: Path) -> StoredObject | None:
    """The completed file in ``folder``, or None when there is none."""
    try:
        text = (folder / _LIST).read_bytes()
    except FileNotFoundError:
        return None
    rows = (line.split() for line in text.decode().splitlines())
    parts = tuple(_part(int(number), int(size), digest) for number, size, digest in rows)
    return StoredObject(folder, parts, sha256(text).hexdigest())


def make_folder(folder: Path) -> None:
    """Create ``folder`` and its parents, for this user only, so that a power cut keeps them."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """Let one caller at a time close the upload in ``folder``; False when it is closed already.

    The lock is on the folder itself, not on its name: whoever waited while another moved the
    folder away finds no folder, or a new one, under the name.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        yield False
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield _still_there(folder, descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def disk_errors() -> Iterator[None]:
    """Turn what the disk refuses into ``OutsideError``: ``store_full``, ``store_unavailable``."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise OutsideError(
                "store_full",
                expected="room on the disk of the object store",
                found=os.strerror(error.errno or 0),
                fix="Free some space or enlarge the disk; then send the part again.",
            ) from error
        raise OutsideError(
            "store_unavailable",
            expected="an object store that can be read and written",
            found=os.strerror(error.errno or 0),
            fix="Look at the disk and the rights of the platform's data folder; then try again.",
        ) from error


def _still_there(folder: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), folder.stat())
    except FileNotFoundError:
        return False


def _part(number: int, size: int, digest: str) -> StoredPart:
    return StoredPart(number=number, size=size, sha256=digest, etag=digest)
