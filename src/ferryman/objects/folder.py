"""The layout of the local store on disk, and operations on it that survive a kill at any instant.

    incoming/                    bytes on their way in or out; only left-overs after a kill
    uploads/KEY/NUMBER-SHA256    accepted parts of an open upload, whole and on disk
    objects/KE/KEY/              a completed file: its parts and the list of them, ``parts``
    objects/KE/KEY               a file of one part that was begun with it, from its arrival on
    …/NUMBER-SHA256.sealed, …/KEY.sealed    the same, encrypted (ADR 123)
    keys/ID                      an empty file for each key that encrypted something
    sealing/ID/                  parts that ``data seal`` encrypted once for several files

A file is its ordered parts: completing it renames one folder and copies no byte. All functions here
block and use no event loop.
"""

import ctypes
import errno
import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ferryman import refusals
from ferryman.ids import ephemeral_id
from ferryman.objects.sealed_file import plain_name, remove_sealed
from ferryman.objects.sealing import plain_size
from ferryman.objects.signed_url import is_key
from ferryman.wire.upload import StoredPart

_LIST = "parts"
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def stored_part(number: int, size: int, digest: str) -> StoredPart:
    """Return a part whose etag is its digest, as the local store has it."""
    return StoredPart(number=number, size=size, sha256=digest, etag=digest)


def part_path(folder: Path, part: StoredPart) -> Path:
    """Return the path of ``part`` in ``folder``; the name states what the file must contain."""
    return folder / f"{part.number}-{part.sha256}"


def parts_in(folder: Path) -> list[StoredPart]:
    """Return the accepted parts of an upload, by number; empty if there is no such upload."""
    # By name: a part that is being encrypted has both for a moment.
    parts: dict[str, StoredPart] = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                name = plain_name(entry.name)
                number, dash, digest = name.partition("-")
                size: int | None = entry.stat().st_size if dash else None
                if size is not None and name != entry.name:
                    size = plain_size(size)
                if size is not None:
                    parts[name] = stored_part(int(number), size, digest)
    except FileNotFoundError:
        return []
    return sorted(parts.values(), key=lambda part: part.number)


def same_number(path: Path) -> list[Path]:
    """Return the other bodies that came for the number of the part at ``path``."""
    number = path.name.partition("-")[0] + "-"
    return [o for o in path.parent.iterdir() if o.name.startswith(number) and o != path]


def write_list(folder: Path, parts: Sequence[StoredPart]) -> None:
    """Write the list of a file's parts, remove every other part, and sync both to disk.

    The list counts only under ``objects/``, so one cut short by a kill is simply written again.
    """
    with (folder / _LIST).open("wb") as file:
        file.write(listed(parts))
        file.flush()
        os.fsync(file.fileno())
    names = {part_path(folder, part).name for part in parts} | {_LIST}
    for path in folder.iterdir():
        if plain_name(path.name) not in names:
            path.unlink()
    sync_folder(folder)


def listed(parts: Sequence[StoredPart]) -> bytes:
    """Return the text of a file's list of parts."""
    return "".join(f"{part.number} {part.size} {part.sha256}\n" for part in parts).encode()


def read_list(folder: Path) -> list[StoredPart] | None:
    """Return the parts of the completed file in ``folder``; None if there is none."""
    try:
        text = (folder / _LIST).read_text("ascii")
    except (FileNotFoundError, NotADirectoryError):
        return None
    rows = (line.split() for line in text.splitlines())
    return [stored_part(int(number), int(size), digest) for number, size, digest in rows]


def remove_object(path: Path, incoming: Path) -> None:
    """Remove the file under the name ``path``; harmless if there is none."""
    if path.is_dir():
        remove_folder(path, incoming)
    with disk_errors():
        with suppress(IsADirectoryError):
            path.unlink(missing_ok=True)
        remove_sealed(path)


def put_in_place(folder: Path, target: Path) -> None:
    """Give a completed folder its name, in place of a file of one part that was sent before."""
    while True:
        try:
            folder.rename(target)
        except NotADirectoryError:
            target.unlink(missing_ok=True)
        else:
            remove_sealed(target)
            return


def make_folder(folder: Path) -> None:
    """Create ``folder`` and its parents, for this user only, so that they survive a power cut."""
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


def claim_folder(mark: Path, name: str, incoming: Path) -> None:
    """Write ``name`` to the file ``mark`` unless it is there already."""
    with disk_errors():
        while not mark.exists():
            draft = incoming / str(ephemeral_id())
            draft.write_text(name)
            # A process that starts concurrently may mark it first, or remove the draft.
            with suppress(FileExistsError, FileNotFoundError):
                mark.hardlink_to(draft)
            draft.unlink(missing_ok=True)


def remove_folder(folder: Path, incoming: Path) -> None:
    """Rename a folder away before deleting it, so that no part can arrive in between."""
    doomed = incoming / str(ephemeral_id())
    with disk_errors():
        try:
            folder.rename(doomed)
        except FileNotFoundError:
            return
        shutil.rmtree(doomed, ignore_errors=True)


def remove_unshared(folder: Path) -> None:
    """Remove what an interrupted ``data seal`` left in ``sealing`` of files that are deleted.

    A running one has at least two names for each part, unless the file is deleted.
    """
    with disk_errors(), suppress(FileNotFoundError):
        for path in [*folder.glob("*/*")]:
            with suppress(FileNotFoundError):
                if path.stat().st_nlink == 1:
                    path.unlink()


def keys_in(folder: Path) -> list[str]:
    """Return the keys of what is in ``folder``."""
    with disk_errors():
        names = {plain_name(path.name) for path in folder.iterdir()}
    return [name for name in names if is_key(name)]


@contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """Let one caller at a time close the upload in ``folder``; yield False if it is closed.

    The lock is on the folder itself, not on its name: a caller that waited while another moved the
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
    """Turn errors of the disk into ``OutsideError``: ``store_full`` or ``store_unavailable``."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise refusals.object_store.DISK_FULL(found=os.strerror(error.errno or 0)) from error
        raise refusals.object_store.DISK_UNAVAILABLE(found=os.strerror(error.errno or 0)) from error


def _still_there(folder: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), folder.stat())
    except FileNotFoundError:
        return False


def sync_file_system(folder: Path) -> None:
    """Write the whole file system of a folder to disk: one call for any number of files."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if getattr(ctypes.CDLL(None), "syncfs", lambda _: -1)(descriptor):
            os.sync()
    finally:
        os.close(descriptor)
