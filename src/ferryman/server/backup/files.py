"""Copy files of app data into a backup, each once: a file never changes after it was accepted."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Generic, TypeVar
from uuid import UUID

from ferryman import refusals
from ferryman.digests import PartsHasher
from ferryman.errors import NotFound, OutsideError
from ferryman.in_parallel import in_parallel
from ferryman.objects.local import LocalStore
from ferryman.objects.port import ObjectStore
from ferryman.server.backup.manifest import OBJECTS, FileProblem, IndexEntry, object_name
from ferryman.server.backup.place import BackupPlace, Folder, Written
from ferryman.store.table_copy import KeptBytes

T = TypeVar("T")

_AT_ONCE = 8
_BATCH = 64
_MOST_PROBLEMS = 1_000


@dataclass
class CopyTally:
    """Counts of the files so far: all, the copied, the removed and the missing ones."""

    files: int = 0
    bytes: int = 0
    copied_files: int = 0
    copied_bytes: int = 0
    removed_files: int = 0
    gone: list[str] = field(default_factory=list)
    problems: list[FileProblem] = field(default_factory=list)


class Ascending(Generic[T]):
    """Finds values by their keys, in one pass over both: each is read once."""

    def __init__(self, entries: AsyncIterator[tuple[str, T]]) -> None:
        self._entries = entries
        self._next: tuple[str, T] | None = None

    async def find(self, key: str) -> T | None:
        """Return the value with that key; keys are asked for in ascending order."""
        while self._next is None or self._next[0] < key:
            self._next = await anext(self._entries, None)
            if self._next is None:
                return None
        return self._next[1] if self._next[0] == key else None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to back up, its entry in the last backup, and the size of the copy that is there."""

    file: KeptBytes
    before: IndexEntry | None
    held: int | None


class FileBackup:
    """Copies files from a store to a place. ``tell`` gets the bytes of each file that is done."""

    def __init__(
        self,
        store: ObjectStore,
        place: BackupPlace,
        *,
        before: AsyncIterator[IndexEntry],
        is_kept: Callable[[UUID], Awaitable[bool]],
        tell: Callable[[int, bool], None],
    ) -> None:
        self.tally = CopyTally()
        self._store, self._place = store, place
        self._before = Ascending((entry.key, entry) async for entry in before)
        # Listed, since asking for each of a million objects would take as many calls.
        self._held = Ascending(place.files(OBJECTS))
        self._is_kept = is_kept
        self._tell = tell

    async def run(
        self, files: AsyncIterator[KeptBytes], write: Callable[[bytes], Awaitable[None]]
    ) -> None:
        """Copy the files, and write the lines of the index."""
        batch: list[Wanted] = []
        async for file in files:
            key = str(file.key)
            held = await self._held.find(object_name(key))
            batch.append(Wanted(file, await self._before.find(key), held))
            if len(batch) == _BATCH:
                await self._copy(batch, write)
                batch = []
        await self._copy(batch, write)

    async def _copy(
        self,
        batch: Sequence[Wanted],
        write: Callable[[bytes], Awaitable[None]],
    ) -> None:
        entries = await in_parallel(self._one, batch, most=_AT_ONCE)
        lines = "".join(str(entry) for entry in entries if entry is not None)
        await write(lines.encode("ascii"))

    async def _one(self, wanted: Wanted) -> IndexEntry | None:
        file, tally = wanted.file, self.tally
        key = str(file.key)
        entry = await self._entry_of(wanted)
        copied = entry is None
        if entry is None:
            proof = Proof(file)
            try:
                written = await self._put(key, proof)
            except (NotFound, FileNotFoundError):
                await self._missing(file)
                return None
            except OutsideError as error:
                if error.code != refusals.object_store.DAMAGED.code:
                    raise
                self._problem(key, f"{error.code}: {error.found}")
                self._tell(file.size, False)
                return None
            entry = IndexEntry(key, written.size, written.sha256)
            if wrong := proof.difference(written):
                self._problem(key, wrong)
            tally.copied_files += 1
            tally.copied_bytes += entry.size
        tally.files += 1
        tally.bytes += entry.size
        self._tell(entry.size, copied)
        return entry

    async def _entry_of(self, wanted: Wanted) -> IndexEntry | None:
        """Return the entry of a file that the backup has already; None if it has it not."""
        file, before = wanted.file, wanted.before
        if wanted.held != file.size:
            return None
        if before is not None and before.size == file.size:
            return before
        # It is from a backup that was cut: whether the bytes reached the disk is not known.
        proof, digest = Proof(file), sha256()
        async for chunk in self._place.get(object_name(str(file.key))):
            await asyncio.to_thread(digest.update, chunk)
            proof.feed(chunk)
        written = Written(file.size, digest.hexdigest())
        return None if proof.difference(written) else IndexEntry(str(file.key), *_pair(written))

    async def _put(self, key: str, proof: "Proof") -> Written:
        if isinstance(self._store, LocalStore) and isinstance(self._place, Folder):
            openers = self._store.openers(await self._store.find(key))
            return await asyncio.to_thread(
                self._place.copy_in, object_name(key), openers, proof.feed
            )

        async def chunks() -> AsyncIterator[bytes]:
            async for chunk in self._store.stream(key):
                proof.feed(chunk)
                yield chunk

        return await self._place.put(object_name(key), chunks())

    async def _missing(self, file: KeptBytes) -> None:
        """Note a file that the store no longer has: it was deleted, or lost."""
        if await self._is_kept(file.key):
            self._problem(str(file.key), "the store has no such file")
        else:
            self.tally.gone.append(str(file.key))
        self._tell(file.size, False)

    def _problem(self, key: str, found: str) -> None:
        if len(self.tally.problems) < _MOST_PROBLEMS:
            self.tally.problems.append(FileProblem(key=key, found=found))


class Proof:
    """Checks the bytes of a file against what it was accepted with."""

    def __init__(self, file: KeptBytes) -> None:
        self._file = file
        needed = file.sha256 is None and file.parts_sha256 is not None
        self._parts = PartsHasher(file.part_sizes or ()) if needed else None

    def feed(self, chunk: bytes) -> None:
        """Add the next bytes; the digest of the whole is made where they are written."""
        if self._parts is not None:
            self._parts.update(chunk)

    def difference(self, written: Written) -> str | None:
        """Describe how the written bytes differ from the accepted ones."""
        file = self._file
        if written.size != file.size:
            return f"{file.size} bytes were accepted, {written.size} are there"
        if file.sha256 is not None and written.sha256 != file.sha256:
            return f"sha256 {file.sha256} was accepted, {written.sha256} is there"
        if self._parts is not None and self._parts.hexdigest() != file.parts_sha256:
            return f"partsSha256 {file.parts_sha256} was accepted, another is there"
        return None


async def prune(place: BackupPlace, entries: AsyncIterator[IndexEntry], tally: CopyTally) -> None:
    """Remove files that the backup no longer lists: their lifetime is over."""
    known = Ascending((entry.key, entry) async for entry in entries)
    async for name, _ in place.files(OBJECTS):
        if await known.find(name.rpartition("/")[2]) is None:
            await place.delete(name)
            tally.removed_files += 1


def _pair(written: Written) -> tuple[int, str]:
    return written.size, written.sha256
