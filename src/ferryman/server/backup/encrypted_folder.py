"""The folder of a local store that encrypts, as a place for the files of a restore."""

from functools import partial
from io import FileIO
from pathlib import Path

from ferryman.objects.key_marks import check_keys
from ferryman.objects.sealed_file import (
    Readable,
    SealedWriter,
    Writer,
    open_piece,
    sealed_length,
    sealed_name,
    write_all,
)
from ferryman.objects.sealing import ObjectKeys
from ferryman.objects.signed_url import is_key
from ferryman.server.backup.place import Folder


class EncryptedFolder(Folder):
    """A folder whose files are named by their keys, and encrypted."""

    def __init__(self, root: Path, drafts: Path, keys: ObjectKeys) -> None:
        super().__init__(root, drafts)
        self._keys = keys

    def note_key(self) -> None:
        """Note, before the first file, the key that the restored files need."""
        check_keys(self.root.parent / "keys", self._keys, note=True)

    def remove_plain(self) -> None:
        """Remove what a restore that was cut had copied without a key: it would be read first."""
        for path in self.root.glob("*/*"):
            if is_key(path.name):
                path.unlink()

    def opened(self, name: str) -> Readable:
        """Open a file to read its plain bytes; FileNotFoundError if there is none."""
        return open_piece(self.root / name, self._keys)

    def length(self, name: str) -> int:
        """Return the plain bytes of a file; FileNotFoundError if there is none."""
        found = sealed_length(self.root / name)
        if found is None:
            raise FileNotFoundError(name)
        return found

    def _path(self, name: str) -> Path:
        return sealed_name(self.root / name)

    def _writer(self, file: FileIO, name: str) -> Writer:
        return SealedWriter(partial(write_all, file), self._keys, self.root / name)
