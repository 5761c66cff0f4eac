"""Where an embedded PostgreSQL can be, and where its socket is found from outside."""

import os
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from ferryman.errors import ConfigError

_SOCKET = ".s.PGSQL.5432"
_LONGEST = 107
"""Bytes of a socket's path, by the kernel; of how it is written, not of where it leads."""

_UNUSABLE = frozenset('"$`\\')
"""What a shell gives a meaning within the quotes that pg_ctl puts around paths."""


def usable(folder: Path) -> bool:
    """Whether PostgreSQL can be started in a folder of that name."""
    text = str(folder)
    return not _UNUSABLE & set(text) and text.isprintable()


def check_usable(folder: Path) -> None:
    """Refuse a folder in which PostgreSQL could not be started."""
    if not usable(folder):
        raise ConfigError(
            "data_dir_unusable",
            expected='a data folder whose path has none of " $ ` \\ and no invisible character',
            found=repr(str(folder))[:200],
            fix="Name another folder by --data-dir, or give --database-url.",
        )


def socket_folder(folder: Path) -> Path:
    """The folder of the server's socket, by a path that a client can use.

    It is the server's own folder; where its path is too long, or has the comma that separates
    hosts, a link to it that nobody else can have made.
    """
    if (link := _link(folder)) is None:
        return folder
    if len(os.fsencode(link / _SOCKET)) > _LONGEST:
        raise ConfigError(
            "data_dir_too_long",
            expected=f"a socket's path of at most {_LONGEST} bytes, in the data folder or in "
            "the folder of temporary files",
            found=f"{len(os.fsencode(folder))} and {len(os.fsencode(link))} bytes before its name",
            fix="Name a shorter folder by --data-dir or TMPDIR.",
        )
    with suppress(FileExistsError):
        link.symlink_to(folder, target_is_directory=True)
    ours = link.is_symlink() and link.lstat().st_uid == os.geteuid()
    if not ours or link.readlink() != folder:
        raise ConfigError(
            "socket_link_foreign",
            expected=f"a link of ours at {link}, since the path of the data folder is too long",
            found="something else of that name",
            fix="Remove it, or name a shorter folder by --data-dir.",
        )
    return link


def remove_link(folder: Path) -> None:
    """Take away what :func:`socket_folder` made."""
    link = _link(folder)
    if link is not None and link.is_symlink() and link.readlink() == folder:
        with suppress(OSError):
            link.unlink()


def _link(folder: Path) -> Path | None:
    if len(os.fsencode(folder / _SOCKET)) <= _LONGEST and "," not in str(folder):
        return None
    name = f"ferryman-{os.geteuid()}-{sha256(os.fsencode(folder)).hexdigest()[:16]}"
    return Path(tempfile.gettempdir(), name)
