"""Begin, complete and abort uploads in the folders of the local store; all but lists block."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from ferryman import refusals
from ferryman.errors import PlatformError
from ferryman.objects.folder import (
    disk_errors,
    keys_in,
    locked,
    make_folder,
    part_path,
    parts_in,
    put_in_place,
    read_list,
    remove_folder,
    remove_unshared,
    stored_part,
    sync_folder,
    write_list,
)
from ferryman.objects.key_marks import check_keys
from ferryman.objects.linked_part import AT_ONCE, take_over
from ferryman.objects.parts import check_parts
from ferryman.objects.port import Assembly, HeldPart, HoldsMoreError, OpenUpload, Part
from ferryman.objects.sealed_file import Readable, SealedReader, open_piece, remove_sealed
from ferryman.objects.sealing import NO_KEYS, ObjectKeys
from ferryman.objects.signed_url import is_key
from ferryman.objects.stored_object import StoredObject, find_object, with_content
from ferryman.objects.whole_file import WholeFile, read_whole_file
from ferryman.wire.upload import PartRequest

MAX_PARTS = 10_000

_SMALL = 4 << 10
"""A file that takes no more room than an empty folder."""


class LocalFiles:
    """The folders under ``root``; see ``folder.py`` for their layout."""

    def __init__(self, root: Path, keys: ObjectKeys = NO_KEYS) -> None:
        self.keys = keys
        self.mark = root / "platform"
        self.key_marks = root / "keys"
        self.sealing = root / "sealing"
        self.incoming = root / "incoming"
        self.uploads = root / "uploads"
        self.objects = root / "objects"
        self.linking = asyncio.Semaphore(AT_ONCE)
        with disk_errors():
            for folder in (self.incoming, self.uploads, self.objects):
                make_folder(folder)

    def upload(self, key: str) -> Path:
        """Return the folder of an upload in parts."""
        return self.uploads / checked(key)

    def object(self, key: str) -> Path:
        """Return the name of a file: a folder of parts, or one file."""
        return Path(f"{self.objects}/{checked(key)[:2]}/{key}")

    def begin(self, key: str) -> None:
        """Open an upload in parts; a file of one part may be there, which it will replace."""
        if self.object(key).is_dir():
            raise refusals.upload.CLOSED_IN_STORE()
        with disk_errors():
            self.upload(key).mkdir(mode=0o700, exist_ok=True)

    def held(self, key: str, upload_ref: str) -> list[Part]:
        """Return the parts that came for an upload."""
        whole = read_whole_file(upload_ref)
        if whole is not None:
            return whole.parts(self.object(key))
        # With the lock: a part may be about to get another name, as it is encrypted.
        with locked(self.upload(key)) as is_open:
            return parts_in(self.upload(key)) if is_open else []

    def find(self, key: str, most: int = 0) -> StoredObject:
        """Return a completed file; if it is encrypted, its key is there and its size proven.

        One of at most ``most`` bytes has its content, too.
        """
        stored = find_object(self.object(key))
        if stored is None:
            raise refusals.upload.OBJECT_NOT_FOUND(id=key)
        if stored.size <= most:
            stored = with_content(stored, self.keys)
        # Content was read up to the end, which proves as much.
        if stored.sealed and stored.content is None:
            self._prove(key, stored.pieces[0][0])
        return stored

    def _prove(self, key: str, path: Path) -> None:
        with disk_errors():
            try:
                piece = open_piece(path, self.keys)
            except FileNotFoundError:  # deleted meanwhile
                raise refusals.upload.OBJECT_NOT_FOUND(id=key) from None
            with piece:
                # A part's size is in the list of its file; a whole file's is read off it.
                if isinstance(piece, SealedReader) and is_key(path.name):
                    piece.prove_size()

    def copy_part(
        self, key: str, upload_ref: str, part: PartRequest, held: HeldPart
    ) -> Part | None:
        """Link a part of a completed file into an open upload; None if it has to be sent."""
        whole, copied = (
            read_whole_file(upload_ref),
            stored_part(part.number, part.size, part.sha256),
        )
        if whole is not None and not whole.is_all([part]):
            return None
        source = self.object(held.key)
        if source.is_dir():
            source = part_path(source, held.part)
        elif not held.alone:
            return None
        target = self.object(key) if whole else part_path(self.upload(key), copied)
        taken = take_over(
            source, target, part, self.incoming, alone=whole is not None, keys=self.keys
        )
        return copied if taken else None

    def complete(
        self, files: Sequence[Assembly], min_part_size: int
    ) -> list[list[Part] | PlatformError | HoldsMoreError]:
        """Assemble several files, and sync each changed folder once."""
        answers: list[list[Part] | PlatformError | HoldsMoreError] = []
        changed: set[Path] = set()
        for file in files:
            try:
                with disk_errors():
                    answers.append(self._complete(file, min_part_size))
                changed.add(self.object(file.key).parent)
            except PlatformError as refused:
                answers.append(refused.with_traceback(None))
        # Also on a repeat: the first call may have been killed before this point. A rename changes
        # both folders at once in a file system, so syncing the new one is enough.
        with disk_errors():
            for folder in changed:
                sync_folder(folder)
        return answers

    def _complete(self, file: Assembly, min_part_size: int) -> list[Part]:
        if read_whole_file(file.upload_ref):
            held = self.held(file.key, file.upload_ref)
            return check_parts(file.parts, min_part_size=0, max_parts=MAX_PARTS, held=held)
        upload, target = self.upload(file.key), self.object(file.key)
        with locked(upload) as is_open:
            if not is_open:
                # A repeated completion names the same parts; others come too late.
                done = read_list(target)
                if done is None or len(file.parts) != len(done):
                    raise refusals.upload.CLOSED_IN_STORE()
                return check_parts(file.parts, min_part_size=0, max_parts=MAX_PARTS, held=done)
            chosen = check_parts(
                file.parts,
                min_part_size=min_part_size,
                max_parts=MAX_PARTS,
                held=parts_in(upload),
            )
            write_list(upload, chosen)
            make_folder(target.parent)
            put_in_place(upload, target)
            return chosen

    def check_keys(self, *, note: bool) -> bool:
        """See :meth:`LocalStore.check_keys`."""
        check_keys(self.key_marks, self.keys, note=note)
        return bool(self.keys)

    def openers(self, stored: StoredObject) -> list[Callable[[], Readable]]:
        """Return what opens the files that make up ``stored``, in order."""
        return [partial(open_piece, path, self.keys) for path, _ in stored.pieces]

    async def unfinished(self) -> AsyncIterator[OpenUpload]:
        """Yield every open upload, with the time its last part came."""
        for key in await asyncio.to_thread(keys_in, self.uploads):
            with suppress(FileNotFoundError):
                changed = (await asyncio.to_thread(self.upload(key).stat)).st_mtime
                yield OpenUpload(key, key, datetime.fromtimestamp(changed, UTC))

    async def keys_of_files(self) -> AsyncIterator[str]:
        """Yield the key of every completed file, in order; remove what is left of deleted ones."""
        await asyncio.to_thread(remove_unshared, self.sealing)
        with disk_errors():
            folders = await asyncio.to_thread(lambda: sorted(self.objects.iterdir()))
        for folder in folders:
            for key in sorted(await asyncio.to_thread(keys_in, folder)):
                yield key

    def abort(self, key: str, upload_ref: str) -> None:
        """Remove what came for an upload; a file in parts stays once it is complete."""
        whole = read_whole_file(upload_ref)
        if whole is not None:
            self._abort_whole(self.object(key), whole)
            return
        upload = self.upload(key)
        with locked(upload) as is_open:
            if is_open:
                remove_folder(upload, self.incoming)

    def _abort_whole(self, path: Path, whole: WholeFile) -> None:
        with disk_errors():
            with suppress(FileNotFoundError, IsADirectoryError):
                path.unlink()
            if whole.size > _SMALL:
                # Its URL opens nothing under the name of a folder. A sweep removes that.
                make_folder(path.parent)
                with suppress(FileExistsError):
                    path.mkdir(mode=0o700)
            remove_sealed(path)


def checked(key: str) -> str:
    """Return ``key``, which becomes a name on disk; refuse any but a canonical UUID."""
    if not is_key(key):
        raise refusals.upload.OBJECT_NOT_FOUND(id=key)
    return key
