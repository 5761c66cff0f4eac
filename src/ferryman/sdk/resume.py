"""Resume an upload that was killed: the parts that the store holds, and a journal on disk.

A journal is one small file of JSON lines: first what is sent, under which resume key, then one line
for each part that the store holds. The first line is complete or missing; a later line that was cut
short by the kill is ignored, since the store knows of the part itself.
"""

import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import msgspec

from ferryman.ids import new_id
from ferryman.sdk.errors import GatewayError
from ferryman.wire.upload import PartRequest, StoredPart

if sys.platform != "win32":
    import fcntl

SOURCE_CHANGED = "source_changed"
"""The code of the error for a file that changed since its upload began."""

UPLOAD_RESTARTED = "upload_restarted"
"""The code of the error for a file whose stored parts are gone: send it from the start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeState:
    """Names the key under which a file can be resumed, and what is known of the last try.

    ``known`` are parts that were stored, by number, with the etag that the store returned. With
    ``same`` a part must have the bytes that it had then, since its source is a file that does not
    change; a stream may be generated again, and then parts that differ are sent again.
    """

    key: str
    known: Mapping[int, StoredPart] = field(default_factory=dict)
    same: bool = False


def by_number(parts: Iterable[StoredPart]) -> dict[int, list[StoredPart]]:
    """Group parts by number; a store may hold several of one number, with different bytes."""
    grouped: dict[int, list[StoredPart]] = defaultdict(list)
    for part in parts:
        grouped[part.number].append(part)
    return dict(grouped)


def held_part(
    part: PartRequest, held: Sequence[StoredPart], known: StoredPart | None
) -> StoredPart | None:
    """Return the part of ``held`` that is proven to have the bytes of ``part``, or None.

    A store's sha256 is the proof. S3 keeps none: there it is the etag that we saw when the part
    was stored, or one that is the md5 of the bytes.
    """
    for stored in held:
        if stored.size == part.size and _proven(part, stored, known):
            return StoredPart(
                number=part.number, etag=stored.etag, size=part.size, sha256=part.sha256
            )
    return None


def _proven(part: PartRequest, held: StoredPart, known: StoredPart | None) -> bool:
    if held.sha256 is not None:
        return held.sha256 == part.sha256
    etag = held.etag.strip('"')
    if known is not None and known.etag.strip('"') == etag:
        return known.sha256 == part.sha256
    return etag != "" and etag == part.md5


# A transfer lives for 14 days, so that nothing older can be resumed.
_KEPT_SECONDS = 15 * 86_400


class SendRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The first line of a journal. Sizes are bytes, times nanoseconds since 1970."""

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
    """Records which parts of one file the store holds."""

    def __init__(self, path: Path, sending: SendRecord, known: dict[int, StoredPart]) -> None:
        self.path: Path = path
        self.sending: SendRecord = sending
        self.known: dict[int, StoredPart] = known

    def note(self, part: StoredPart) -> None:
        """Record that the store holds a part."""
        # One write of one line, so that the threads of the parts cannot mix theirs.
        with self.path.open("ab", buffering=0) as file:
            file.write(b"\n" + msgspec.json.encode(part))

    def forget_parts(self) -> None:
        """Keep only the resume key: the store holds no part any more."""
        self.known = {}
        _begin(self)

    def forget(self) -> None:
        """Delete the journal: the file is stored, or is to be sent from the start."""
        self.path.unlink(missing_ok=True)


@contextmanager
def open_journal(
    folder: Path, sending: SendRecord, *, forgiving: bool = False
) -> Iterator[Journal]:
    """Open the journal of a file, or begin one; for one process at a time.

    Raises ``GatewayError`` (``source_changed``) when the file changed since the first try, unless
    ``forgiving``, and ``BlockingIOError`` while another process sends it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _remove_old(folder)
    path = folder / sending.name
    with _alone(path.with_suffix(".lock")):
        journal = _read(path)
        if journal is None:
            journal = Journal(path, msgspec.structs.replace(sending, resume_key=str(new_id())), {})
            _begin(journal)
        elif not forgiving and not _same(journal.sending, sending):
            raise source_changed(journal.sending, sending)
        yield journal


def source_changed(before: SendRecord, now: SendRecord) -> GatewayError:
    """Build the error for a source that changed since its upload began."""
    return GatewayError(
        None,
        f"{now.path} was changed since its sending began: expected {before.size} bytes, written "
        f"at {before.mtime_ns / 1e9:.3f}; found {now.size} bytes, written at "
        f"{now.mtime_ns / 1e9:.3f}. Send it from the start with --restart.",
        code=SOURCE_CHANGED,
    )


def state_folder() -> Path:
    """Return the journals' folder: ``$XDG_STATE_HOME/ferryman/uploads``, else in ``~/.local``."""
    base = os.environ.get("XDG_STATE_HOME")
    home = Path(base) if base else Path.home() / ".local" / "state"
    return home / "ferryman" / "uploads"


def _same(before: SendRecord, now: SendRecord) -> bool:
    return (before.size, before.mtime_ns) == (now.size, now.mtime_ns)


def usable(folder: Path) -> bool:
    """Return whether journals can be kept there; a system user may have no home."""
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
        sending = msgspec.json.decode(first, type=SendRecord)
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    known: dict[int, StoredPart] = {}
    for line in lines:
        with suppress(msgspec.DecodeError, UnicodeDecodeError):
            part = msgspec.json.decode(line, type=StoredPart)
            known[part.number] = part
    return Journal(path, sending, known)


def _remove_old(folder: Path) -> None:
    oldest = time.time() - _KEPT_SECONDS
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < oldest:
                path.unlink()


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("ab") as file:
        os.utime(path)
        lock_file(
            file, f"{path} is locked: another process sends the same file. Wait for it, or end it"
        )
        yield


def lock_file(file: BinaryIO, reason: str) -> None:
    """Lock a file until it is closed or the process is killed; on Windows nothing is locked."""
    if sys.platform != "win32":
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(reason) from None
