"""Fill an empty object store with the files of a backup, and check each as it is copied."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from io import FileIO
from pathlib import Path
from uuid import UUID

from ferryman import refusals
from ferryman.config import Settings
from ferryman.errors import OutsideError
from ferryman.in_parallel import in_parallel, in_thread
from ferryman.objects.folder import make_folder
from ferryman.objects.sealing import ObjectKeys
from ferryman.server.backup.encrypted_folder import EncryptedFolder
from ferryman.server.backup.manifest import BackupManifest, IndexEntry, object_name, read_entry
from ferryman.server.backup.place import STEP, BackupPlace, Folder, place_errors
from ferryman.server.backup.squeezing import lines_of

_BATCH = 256
_AT_ONCE = 4
_SHARE = 16
"""Files that one thread copies at a time: for small files, changing threads would cost most."""

Tell = Callable[[int, bool], None]


@dataclass(frozen=True, slots=True)
class Target:
    """The object store to fill: a bucket's prefix, or the folder of the local store."""

    place: BackupPlace
    folder: Path | None

    def name(self, key: str) -> str:
        """Return the name of a file in the store."""
        return key if self.folder is None else f"{key[:2]}/{key}"

    async def check_empty(self) -> None:
        """Raise ``ConfigError`` (``restore_store_not_empty``) for a store with files."""
        async for name, _ in self.place.files(""):
            raise refusals.backup.STORE_NOT_EMPTY(name=name)

    async def clear(self) -> None:
        """Remove the restored files; a folder goes with the data folder."""
        if self.folder is None:
            async for name, _ in self.place.files(""):
                await self.place.delete(name)

    async def begin_uploads(self, keys: Sequence[UUID]) -> None:
        """Make the folders of uploads that go on; their parts are sent again."""
        if self.folder is not None:
            for key in keys:
                await asyncio.to_thread(make_folder, self.folder / "uploads" / str(key))


@asynccontextmanager
async def open_target(settings: Settings) -> AsyncIterator[Target]:
    """Yield the store of the settings; nothing is made yet."""
    if settings.object_store:
        from ferryman.server.backup.s3_place import s3_place

        async with s3_place(settings.object_store) as place:
            yield Target(place, None)
    else:
        folder = settings.data_dir / "objects"
        keys = ObjectKeys.of(settings.object_key, settings.object_key_file)
        files, drafts = folder / "objects", folder / "incoming"
        own = EncryptedFolder(files, drafts, keys) if keys else Folder(files, drafts)
        yield Target(own, folder)


async def fill(place: BackupPlace, manifest: BackupManifest, target: Target, tell: Tell) -> None:
    """Copy every file of the backup that is not there yet.

    Raises ``ConfigError`` (``backup_damaged``) for the first one that is cut or changed.
    """
    if isinstance(target.place, Folder):
        target.place.clear_drafts()
    if isinstance(target.place, EncryptedFolder):
        await asyncio.to_thread(target.place.note_key)
        with place_errors():
            await asyncio.to_thread(target.place.remove_plain)
    batch: list[IndexEntry] = []
    async for line in lines_of(place, manifest.index.name):
        batch.append(read_entry(line))
        if len(batch) == _BATCH:
            await _copy(place, target, batch, tell)
            batch = []
    await _copy(place, target, batch, tell)


async def _copy(
    place: BackupPlace, target: Target, batch: Sequence[IndexEntry], tell: Tell
) -> None:
    shares = [batch[start : start + _SHARE] for start in range(0, len(batch), _SHARE)]

    async def share(entries: Sequence[IndexEntry]) -> None:
        if isinstance(place, Folder) and isinstance(target.place, Folder):
            await in_thread(_copy_here, place, target, target.place, entries)
        else:
            for entry in entries:
                await _send(place, target, entry)
        for entry in entries:
            tell(entry.size, True)

    await in_parallel(share, shares, most=_AT_ONCE)


def _copy_here(
    place: Folder, target: Target, folder: Folder, entries: Sequence[IndexEntry]
) -> None:
    for entry in entries:
        source, name = object_name(entry.key), target.name(entry.key)
        with place_errors():
            if _has(folder, name, entry):
                continue
            try:
                written = folder.copy_in(name, [partial(FileIO, place.root / source)])
            except FileNotFoundError:
                raise refusals.backup.DAMAGED(name=source, found="no such file") from None
        _check(source, entry, written.size, written.sha256)


async def _send(place: BackupPlace, target: Target, entry: IndexEntry) -> None:
    source, name = object_name(entry.key), target.name(entry.key)
    if await target.place.size(name) == entry.size:
        digest = sha256()
        async for chunk in target.place.get(name):
            digest.update(chunk)
        if digest.hexdigest() == entry.sha256:
            return
    try:
        written = await target.place.put(name, place.get(source))
    except FileNotFoundError:
        raise refusals.backup.DAMAGED(name=source, found="no such file") from None
    _check(source, entry, written.size, written.sha256)


def _has(folder: Folder, name: str, entry: IndexEntry) -> bool:
    """Return whether a restore that was cut has copied the file, and its bytes reached the disk."""
    digest = sha256()
    try:
        if folder.length(name) != entry.size:
            return False
        with folder.opened(name) as file:
            while chunk := file.read(STEP):
                digest.update(chunk)
    except (FileNotFoundError, OutsideError):
        return False
    return digest.hexdigest() == entry.sha256


def _check(name: str, entry: IndexEntry, size: int, digest: str) -> None:
    if size != entry.size:
        found = f"{size} bytes instead of {entry.size}"
        raise refusals.backup.DAMAGED(name=name, found=found)
    if digest != entry.sha256:
        raise refusals.backup.DAMAGED(name=name, found="other bytes")
