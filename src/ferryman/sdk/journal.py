"""What a sender of a file notes down, so that another process goes on where it was killed.

A journal is one small file of JSON lines: what is sent, under which resume key, then one line
for each part that the store holds. The first line is there whole or not at all; a later one that
was cut short by the kill is ignored, since the store knows of the part itself.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import msgspec

from ferryman.ids import new_id
from ferryman.sdk.errors import GatewayError
from ferryman.sdk.resume import SOURCE_CHANGED
from ferryman.wire.upload import StoredPart

if sys.platform != "win32":
    import fcntl

# A transfer lives for 14 days, so that nothing older can be gone on with.
_KEPT_SECONDS = 15 * 86_400


class Sending(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is sent where: the first line. Times are nanoseconds since 1970, sizes bytes."""

    url: str
    transfer_id: str
    label: str | None
    path: str
    size: int
    mtime_ns: int
    resume_key: str = ""

    @property
    def name(self) -> str:
        """The name of its journal: the same for the same file on its way to the same place."""
        place = [self.url, self.transfer_id, self.label, self.path]
        return f"{sha256(msgspec.json.encode(place)).hexdigest()[:32]}.jsonl"


class Journal:
    """The journal of one file, open for more parts."""

    def __init__(self, path: Path, sending: Sending, known: dict[int, StoredPart]) -> None:
        self.path: Path = path
        self.sending: Sending = sending
        self.known: dict[int, StoredPart] = known

    def note(self, part: StoredPart) -> None:
        """Note that the store holds a part."""
        # One write of one line, so that the threads of the parts cannot mix theirs.
        with self.path.open("ab", buffering=0) as file:
            file.write(b"\n" + msgspec.json.encode(part))

    def forget_parts(self) -> None:
        """Keep the resume key alone: the store holds no part any more."""
        self.known = {}
        _begin(self)

    def forget(self) -> None:
        """Remove it: the file is stored, or is to be sent from the start."""
        self.path.unlink(missing_ok=True)


@contextmanager
def opened(folder: Path, sending: Sending, *, forgiving: bool = False) -> Iterator[Journal]:
    """Take up the journal of a file, or begin one; one process at a time.

    ``forgiving`` takes it up also for a file that was changed. Else raises ``GatewayError``
    (``source_changed``) when the file is not what it was at the first try; in every case
    ``BlockingIOError`` while another process sends it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _tidy(folder)
    path = folder / sending.name
    with _alone(path.with_suffix(".lock")):
        found = _read(path)
        if found is None:
            found = Journal(path, msgspec.structs.replace(sending, resume_key=str(new_id())), {})
            _begin(found)
        elif not forgiving and not _same(found.sending, sending):
            raise changed(found.sending, sending)
        yield found


def changed(before: Sending, now: Sending) -> GatewayError:
    """Build the error for a source that was changed."""
    return GatewayError(
        None,
        f"{now.path} was changed since its sending began: expected {before.size} bytes, written "
        f"at {before.mtime_ns / 1e9:.3f}; found {now.size} bytes, written at "
        f"{now.mtime_ns / 1e9:.3f}. Send it from the start with --restart.",
        code=SOURCE_CHANGED,
    )


def state_folder() -> Path:
    """Where journals are kept: ``$XDG_STATE_HOME/ferryman/uploads``, else under ``~/.local``."""
    base = os.environ.get("XDG_STATE_HOME")
    home = Path(base) if base else Path.home() / ".local" / "state"
    return home / "ferryman" / "uploads"


def _same(before: Sending, now: Sending) -> bool:
    return (before.size, before.mtime_ns) == (now.size, now.mtime_ns)


def usable(folder: Path) -> bool:
    """Whether journals can be kept there; a system user may have no home."""
    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.access(folder, os.W_OK)
    return False


def _begin(journal: Journal) -> None:
    draft = journal.path.with_suffix(".draft")
    with draft.open("wb") as file:
        file.write(msgspec.json.encode(journal.sending))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(journal.path)


def _read(path: Path) -> Journal | None:
    try:
        first, *lines = path.read_bytes().split(b"\n")
        sending = msgspec.json.decode(first, type=Sending)
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    known: dict[int, StoredPart] = {}
    for line in lines:
        with suppress(msgspec.DecodeError, UnicodeDecodeError):
            part = msgspec.json.decode(line, type=StoredPart)
            known[part.number] = part
    return Journal(path, sending, known)


def _tidy(folder: Path) -> None:
    """Remove what nobody can go on with any more."""
    oldest = time.time() - _KEPT_SECONDS
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < oldest:
                path.unlink()


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("ab") as file:
        os.utime(path)
        lock(file, f"{path} is locked: another process sends the same file. Wait for it, or end it")
        yield


def lock(file: BinaryIO, reason: str) -> None:
    """Lock a file until it is closed or the process is killed; on Windows nothing is locked."""
    if sys.platform != "win32":
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(reason) from None
