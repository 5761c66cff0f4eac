"""The mark in a data folder whose restore has not ended, with which nothing starts there."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import IO

from ferryman import refusals
from ferryman.config import Settings
from ferryman.errors import ConfigError
from ferryman.objects.folder import sync_folder
from ferryman.server.backup.manifest import BackupManifest
from ferryman.server.backup.opening import LOST_AND_FOUND, left_in
from ferryman.server.restore_mark import MARK


class UnfinishedMark:
    """The mark of an unfinished restore, which names the backup and where it goes."""

    def __init__(self, settings: Settings, manifest: BackupManifest) -> None:
        self._folder = settings.data_dir
        self._path = settings.data_dir / MARK
        self._made = not settings.data_dir.exists()
        places = [manifest.index.sha256, settings.object_store, settings.database_url or ""]
        self._text = sha256("\n".join(places).encode()).hexdigest()

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Mark the folder and lock it; yields whether the same restore was interrupted before.

        Raises ``ConfigError``: ``restore_folder_not_empty``, or ``data_dir_in_use`` while another
        process restores there.
        """
        left = left_in(self._folder)
        if left and MARK not in left:
            raise self._not_empty(left)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            file = self._path.open("r+" if left else "x+")
        except (FileExistsError, FileNotFoundError):
            raise refusals.database.DATA_DIR_IN_USE(folder=self._folder) from None
        with file:
            self._lock(file)
            text = file.read()
            # A mark without text was cut before anything else was made.
            if text != self._text and (text or left_in(self._folder) != [MARK]):
                raise self._not_empty(left)
            if not text:
                file.write(self._text)
                file.flush()
                os.fsync(file.fileno())
                sync_folder(self._folder)
            yield bool(text)

    def _lock(self, file: IO[str]) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Another process may have just finished, and removed it.
            ours = os.path.samestat(os.fstat(file.fileno()), self._path.stat())
        except OSError:
            ours = False
        if not ours:
            raise refusals.database.DATA_DIR_IN_USE(folder=self._folder) from None

    def _not_empty(self, left: list[str]) -> ConfigError:
        name = ", ".join(left[:3]) + (" and more" if left[3:] else "")
        return refusals.backup.FOLDER_NOT_EMPTY(folder=self._folder, name=name)

    def remove(self) -> None:
        """Let platforms start in the folder."""
        self._path.unlink()
        sync_folder(self._folder)

    def clear_folder(self) -> None:
        """Empty the folder, the mark last; remove it if it was made for the restore."""
        for path in sorted(self._folder.iterdir(), key=lambda each: each.name == MARK):
            if not path.is_dir():
                path.unlink()
            elif path.name != LOST_AND_FOUND:
                shutil.rmtree(path)
        if self._made:
            self._folder.rmdir()
