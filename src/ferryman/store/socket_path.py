"""Which folders an embedded PostgreSQL can use, and the path clients reach its socket by."""

import os
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from ferryman import refusals

_SOCKET = ".s.PGSQL.5432"
_LONGEST = 107
"""The kernel's limit for a socket path, in bytes as written; links are not resolved first."""

_UNUSABLE = frozenset('"$`\\')
"""Characters with a meaning to the shell inside the quotes that pg_ctl puts around paths."""


def usable(folder: Path) -> bool:
    """Return whether PostgreSQL can be started in a folder with this path."""
    text = str(folder)
    return not _UNUSABLE & set(text) and text.isprintable()


def check_usable(folder: Path) -> None:
    """Refuse a folder in which PostgreSQL could not be started.

    Raises :class:`ConfigError` (``data_dir_unusable``).
    """
    if not usable(folder):
        raise refusals.database.DATA_DIR_UNUSABLE(folder=str(folder))


def socket_folder(folder: Path) -> Path:
    """Return a path to the folder of the server's socket that clients can use.

    That is the server's own folder. If its path is too long, or contains the comma that separates
    hosts, it is a symbolic link to it, checked to be our own. Raises :class:`ConfigError`
    (``data_dir_too_long``, ``socket_link_foreign``) if there can be no such link.
    """
    if (link := _link(folder)) is None:
        return folder
    if len(os.fsencode(link / _SOCKET)) > _LONGEST:
        raise refusals.database.DATA_DIR_TOO_LONG(
            limit=_LONGEST, folder_bytes=len(os.fsencode(folder)), link_bytes=len(os.fsencode(link))
        )
    with suppress(FileExistsError):
        link.symlink_to(folder, target_is_directory=True)
    ours = link.is_symlink() and link.lstat().st_uid == os.geteuid()
    if not ours or link.readlink() != folder:
        raise refusals.database.SOCKET_LINK_FOREIGN(link=link)
    return link


def remove_link(folder: Path) -> None:
    """Remove the link that :func:`socket_folder` created."""
    link = _link(folder)
    if link is not None and link.is_symlink() and link.readlink() == folder:
        with suppress(OSError):
            link.unlink()


def _link(folder: Path) -> Path | None:
    if len(os.fsencode(folder / _SOCKET)) <= _LONGEST and "," not in str(folder):
        return None
    name = f"ferryman-{os.geteuid()}-{sha256(os.fsencode(folder)).hexdigest()[:16]}"
    return Path(tempfile.gettempdir(), name)
