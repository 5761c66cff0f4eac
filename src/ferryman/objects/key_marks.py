"""The keys that the files of a local store need: an empty file for each, named by the key's id."""

import re
from pathlib import Path

from ferryman import refusals
from ferryman.objects.folder import disk_errors, make_folder, sync_folder
from ferryman.objects.sealing import ObjectKeys

_KID = re.compile(r"[0-9a-f]{16}", re.ASCII)


def marked_keys(folder: Path) -> list[str]:
    """Return the ids of the keys that encrypted something."""
    with disk_errors():
        names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    # Others are not ours: what a file manager or a network file system leaves in any folder.
    return sorted(name for name in names if _KID.fullmatch(name))


def check_keys(folder: Path, keys: ObjectKeys, *, note: bool) -> None:
    """Check that each key is given that is noted; ``note`` the one that encrypts new files.

    Raises ``ConfigError`` (``object_key_missing``).
    """
    marked = marked_keys(folder)
    for kid in marked:
        if kid not in keys.kids:
            raise refusals.object_store.KEY_MISSING(kid=kid)
    if note and keys and keys.kids[0] not in marked:
        with disk_errors():
            make_folder(folder)
            (folder / keys.kids[0]).touch()
            sync_folder(folder)


def forget_key(folder: Path, kid: str) -> None:
    """Forget a key that no file needs any more."""
    with disk_errors():
        (folder / kid).unlink(missing_ok=True)
        sync_folder(folder)
