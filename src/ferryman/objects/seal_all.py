"""Encrypt the files of a local store that the newest key did not encrypt (ADR 0123).

The platform may run meanwhile. The names on the disk tell what is done, so repeat a run that was
killed. An encrypted file is on disk before the plain one goes; a reader finds one or the other. A
file that is deleted at the same instant stays deleted. Only if an older key had encrypted it may a
copy be left; the database does not know the copy, and a sweep removes it.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from io import FileIO
from pathlib import Path

from ferryman import refusals
from ferryman.disk import room_in
from ferryman.errors import OutsideError
from ferryman.ids import ephemeral_id
from ferryman.objects.folder import disk_errors, locked, sync_folder
from ferryman.objects.key_marks import check_keys, forget_key
from ferryman.objects.seal_survey import Pending, SealReport, pending_files
from ferryman.objects.sealed_file import SealedWriter, open_piece, sealed_name, write_all
from ferryman.objects.sealing import ObjectKeys
from ferryman.objects.signed_url import is_key

_STEP = 1 << 20


class SealRun:
    """A pass over the store under ``root``; ``reserve`` bytes of the disk stay free. It blocks."""

    def __init__(self, root: Path, keys: ObjectKeys, *, reserve: int = 0) -> None:
        if not keys:
            raise refusals.object_store.KEY_INVALID(found="no key")
        self._root, self._keys, self._reserve = root, keys, reserve
        self._incoming, self._shared = root / "incoming", root / "sealing" / keys.kids[0]
        self._marks = root / "keys"

    def count(self) -> SealReport:
        """Return what there is to encrypt, and change nothing."""
        report = SealReport()
        for _ in pending_files(self._root, self._keys, report):
            pass
        return report

    def run(self, tell: Callable[[int], None]) -> SealReport:
        """Encrypt what is left; ``tell`` gets the number of bytes of each file that is done.

        Returns what is still left: nothing unless files are damaged. Raises ``ConfigError``
        (``object_key_missing``, ``seal_running``, ``object_folder_not_own``) and ``OutsideError``.
        """
        owner = self._root.stat().st_uid
        if os.geteuid() != owner:
            raise refusals.object_store.FOLDER_NOT_OWN(owner=owner, found=os.geteuid())
        check_keys(self._marks, self._keys, note=True)
        done, problems = 0, []
        with self._alone(), disk_errors():
            self._shared.mkdir(mode=0o700, parents=True, exist_ok=True)
            for each in pending_files(self._root, self._keys, SealReport()):
                if wrong := self._seal(each):
                    problems.append(f"{each.path.relative_to(self._root)}: {wrong}")
                elif wrong is None:
                    done += 1
                tell(each.size)
            shutil.rmtree(self._shared.parent)
            # Counted again: a process that was not given the key yet may have written others.
            left = self.count()
            left.sealed_files, left.problems = done, problems
            if not left.left_files:
                # One that came meanwhile is of a process that begins to use it.
                for kid in set(self._keys.kids) - {self._keys.kids[0]}:
                    forget_key(self._marks, kid)
        return left

    @contextmanager
    def _alone(self) -> Iterator[None]:
        descriptor = os.open(self._marks, os.O_RDONLY | os.O_DIRECTORY)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise refusals.object_store.SEAL_RUNNING() from None
            yield
        finally:
            os.close(descriptor)

    def _seal(self, pending: Pending) -> str | None:
        """Encrypt a file; return why it cannot be done, or nothing to say if it is gone."""
        path, draft = pending.path, self._incoming / str(ephemeral_id())
        try:
            with FileIO(draft, "x") as file:
                # Held as by a part that comes, so that a process that starts leaves it alone.
                fcntl.flock(file, fcntl.LOCK_EX)
                if not self._link_shared(path, draft) and (wrong := self._copy(pending, file)):
                    return wrong
                self._put(pending, draft)
        except (FileNotFoundError, IsADirectoryError):
            return ""  # deleted meanwhile, or completed in parts instead
        except OutsideError as error:
            if error.code != refusals.object_store.DAMAGED_SEALED.code:
                raise
            return error.found
        finally:
            draft.unlink(missing_ok=True)
        return None

    def _copy(self, pending: Pending, file: FileIO) -> str | None:
        path = pending.path
        space = room_in(self._root, self._reserve)
        if space.left < pending.size:
            raise refusals.object_store.RESERVE(free=space.free, reserve=space.reserve)
        digest = sha256()
        with open_piece(path, self._keys) as piece:
            sealed = SealedWriter(lambda data: write_all(file, data), self._keys, path)
            while chunk := piece.read(_STEP):
                digest.update(chunk)
                sealed.write(chunk)
        sealed.finish()
        os.fsync(file.fileno())
        if not is_key(path.name) and digest.hexdigest() != path.name.partition("-")[2]:
            return "other bytes than were accepted"
        return None

    def _kept(self, path: Path) -> Path | None:
        """Return the name under which a part is kept for other files that have it (ADR 0102)."""
        return (
            None if is_key(path.name) else self._shared / f"0-{path.name.partition('-')[2]}.sealed"
        )

    def _link_shared(self, path: Path, draft: Path) -> bool:
        kept = self._kept(path)
        if kept is None:
            return False
        link = self._incoming / str(ephemeral_id())
        try:
            os.link(kept, link)
        except FileNotFoundError:
            return False
        link.rename(draft)
        return True

    def _put(self, pending: Pending, draft: Path) -> None:
        if pending.upload is None:
            self._replace(pending.path, draft)
            return
        with locked(pending.upload) as is_open:
            if not is_open:
                raise FileNotFoundError(pending.path)  # completed: it comes again among the files
            self._replace(pending.path, draft)

    def _replace(self, path: Path, draft: Path) -> None:
        final, plain = sealed_name(path), path.exists()
        # FileNotFoundError: it was deleted meanwhile.
        shared = (path if plain else final).stat().st_nlink > 1
        kept = self._kept(path)
        if shared and kept is not None:
            with suppress(FileExistsError):
                os.link(draft, kept)
        draft.rename(final)
        # Before the plain name goes, so that a power cut leaves one of them.
        sync_folder(path.parent)
        if plain:
            try:
                path.unlink()
            except (FileNotFoundError, IsADirectoryError):
                final.unlink(missing_ok=True)
                raise
