"""Name and list the files of a backup in a folder; all of it blocks."""

import os
import stat
from contextlib import suppress
from pathlib import Path

from ferryman.objects.folder import make_folder


def keep(draft: Path, target: Path) -> None:
    """Give a file its final name, and make the folders for it."""
    while True:
        try:
            draft.rename(target)
        except FileNotFoundError:
            # Another thread may remove the folder when its last file goes.
            make_folder(target.parent)
        else:
            return


def listed(folder: Path) -> list[str]:
    """Return the names in a folder, in order; none if it is not there."""
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - names only, of many files
    except FileNotFoundError:
        return []


def below(root: Path, name: str) -> list[tuple[str, int]]:
    """Return names and sizes of the files at and below a name, in order."""
    with suppress(FileNotFoundError):
        found = (root / name).stat()
        if not stat.S_ISDIR(found.st_mode):
            return [(name, found.st_size)]
    return [
        (f"{name}/{each}", size)
        for entry in listed(root / name)
        for each, size in below(root / name, entry)
    ]
