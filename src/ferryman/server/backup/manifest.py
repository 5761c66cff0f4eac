"""The manifest of a backup: written last, it says what belongs to the backup, with its digests."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version

import msgspec

from ferryman import refusals
from ferryman.server.backup.place import BackupPlace
from ferryman.store import history as history_store
from ferryman.wire.base import Wire

NAME = "ferryman-backup.json"
FORMAT = 2
FORMAT_WITHOUT_SQL = 1
"""Of a backup that builds without databases of apps restore whole."""

OBJECTS = "objects/"
_LONGEST = 64 << 20

# Names become paths: whoever can write a backup must not choose where its files go.
_NAME = re.compile(r"database/[\w-]+/\w+(\.\w+)*", re.ASCII)
_DATABASE = re.compile(r"ferryman[0-9a-f]{12}x[0-9a-f]{32}", re.ASCII)
_ENTRY = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}) ([0-9]{1,18}) ([0-9a-f]{64})")


class Kept(Wire, frozen=True):
    """A file of the backup other than a file of app data, compressed by gzip."""

    name: str
    size: int
    sha256: str


class TableCopy(Wire, frozen=True):
    """The rows of a table."""

    table: str
    columns: list[str]
    rows: int
    kept: Kept


class DatabaseCopy(Wire, frozen=True):
    """The SQL database of an app on a site; ``sha256`` is that of its lines without the views."""

    name: str
    site: str
    rows: int
    sha256: str
    kept: Kept


class FileProblem(Wire, frozen=True):
    """A file that differed in the store from the accepted one, and how."""

    key: str
    found: str


class BackupManifest(Wire, frozen=True):
    """What a backup is made of. Times are epoch milliseconds.

    ``moment`` is platform time: the database as it was then, and every file it had accepted.
    ``born`` tells one platform from others; it stays the same when a backup is restored.
    ``index`` lists the files, which are in ``objects/``. ``gone`` were deleted during the backup.
    """

    format: int
    version: str
    born: str
    moment: int
    finished_at: int
    migrations: list[str]
    tables: list[TableCopy]
    sequences: dict[str, int]
    index: Kept
    files: int
    bytes: int
    gone: list[str]
    problems: list[FileProblem]
    databases: list[DatabaseCopy] = []

    @property
    def all_kept(self) -> list[Kept]:
        """Return all files except app data and the manifest itself."""
        tables = [table.kept for table in self.tables]
        return [*tables, *(copied.kept for copied in self.databases), self.index]


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """A line of the index: a file of app data, with the digest of the bytes in the backup."""

    key: str
    size: int
    sha256: str

    def __str__(self) -> str:
        """Return the line."""
        return f"{self.key} {self.size} {self.sha256}\n"


def read_entry(line: str) -> IndexEntry:
    """Parse a line of the index; raises ``ConfigError`` (``backup_damaged``)."""
    found = _ENTRY.fullmatch(line)
    if found is None:
        raise refusals.backup.DAMAGED(name="the list of files", found=f"the line {line[:80]!r}")
    return IndexEntry(found[1], int(found[2]), found[3])


def object_name(key: str) -> str:
    """Return the name of a file of app data in a backup."""
    return f"{OBJECTS}{key[:2]}/{key}"


def software() -> str:
    """Return the version of this build."""
    return version("ferryman")


async def write(place: BackupPlace, manifest: BackupManifest) -> None:
    """Write the manifest, followed by its own digest; with it the backup is complete."""
    text = msgspec.json.encode(manifest)

    async def chunks() -> AsyncIterator[bytes]:
        yield text + b"\n" + sha256(text).hexdigest().encode() + b"\n"

    await place.put(NAME, chunks())
    await place.flush()


async def read(place: BackupPlace) -> BackupManifest:
    """Return the manifest of a backup that this build can restore.

    Raises ``ConfigError``: ``backup_missing``, ``backup_damaged`` or ``backup_newer``.
    """
    data = b""
    try:
        async for chunk in place.get(NAME):
            data += chunk
            if len(data) > _LONGEST:
                raise refusals.backup.DAMAGED(name=NAME, found="a far longer one")
    except FileNotFoundError:
        raise refusals.backup.MISSING(place=place, name=NAME) from None
    text, _, digest = data.rpartition(b"\n")[0].rpartition(b"\n")
    if sha256(text).hexdigest().encode() != digest or not data.endswith(b"\n"):
        raise refusals.backup.DAMAGED(name=NAME, found="one whose digest does not match")
    try:
        head = msgspec.json.decode(text, type=_Head)
        if head.format > FORMAT:
            raise _newer(head, f"format {head.format}")
        manifest = msgspec.json.decode(text, type=BackupManifest)
    except msgspec.DecodeError as error:
        raise refusals.backup.DAMAGED(name=NAME, found=str(error)) from error
    wrong = [each.name for each in manifest.all_kept if _NAME.fullmatch(each.name) is None]
    wrong += [each.name for each in manifest.databases if _DATABASE.fullmatch(each.name) is None]
    if wrong:
        raise refusals.backup.DAMAGED(name=NAME, found=f"the name {wrong[0][:80]!r}")
    if unknown := [name for name in manifest.migrations if name not in history_store.MIGRATIONS]:
        raise _newer(head, f"schema changes {', '.join(unknown)}")
    return manifest


class _Head(Wire, frozen=True):
    """What manifests of all formats have."""

    format: int
    version: str


def _newer(head: _Head, what: str) -> Exception:
    return refusals.backup.NEWER(version=software(), found=head.version, what=what)
