"""Find the files that a migration on this machine sends, and say why others are left out.

A file that is named is always sent. In a folder, names that begin with a dot are left out and
reported, and links are followed; anything that cannot be read as a file is refused at the start.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ferryman import refusals
from ferryman.client.text import clean, pretty_list
from ferryman.devtools.migrate.plan import label_of
from ferryman.wire.base import Wire

_HIDDEN = "its name begins with a dot"
_NAMED = 5


class LeftOut(Wire, frozen=True):
    """A file or folder that is not sent; ``path`` is relative to the folder of files."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Export:
    """The files to send, each with its label, in the order of their paths."""

    files: tuple[tuple[Path, str], ...]
    mappings: Path | None
    left_out: tuple[LeftOut, ...] = ()


def export_of(root: Path, mappings: Path | None, labels: Mapping[str, str]) -> Export:
    """Find the files to send.

    Raises ``ConfigError``: ``files_missing`` if there are none, ``files_unsendable`` if any of
    them cannot be sent as a file.
    """
    if root.is_dir():
        entries = sorted(_walk(root, "", ()), key=lambda entry: entry.parts)
    else:
        problem = _unsendable(root, root.name)
        entries = [_Entry(root, root.name, problem)] if os.path.lexists(root) else []
    bad = [(entry.name, entry.problem) for entry in entries if entry.problem]
    if bad:
        raise refusals.command.FILES_UNSENDABLE(
            folder=root, found=pretty_list([f"{name} ({problem})" for name, problem in bad], _NAMED)
        )
    left = tuple(
        LeftOut(path=clean(entry.name), reason=_HIDDEN) for entry in entries if entry.hidden
    )
    sent = [(entry.path, entry.name) for entry in entries if not entry.hidden]
    if not sent:
        hidden = f"only files that are left out: {left_out_text(left)}" if left else "none"
        raise refusals.command.FILES_MISSING(
            folder=root, found=hidden if os.path.lexists(root) else "no such folder"
        )
    return exactly(sent, mappings, labels, left)


def exactly(
    files: list[tuple[Path, str]],
    mappings: Path | None,
    labels: Mapping[str, str],
    left_out: tuple[LeftOut, ...] = (),
) -> Export:
    """Send these files, each labelled by its name.

    Raises ``ConfigError`` (``mappings_missing``).
    """
    if mappings is not None and not mappings.exists():
        raise refusals.command.MAPPINGS_MISSING(file=mappings)
    named = tuple((path, clean(label_of(name, labels))) for path, name in files)
    return Export(named, mappings, left_out)


def left_out_text(left_out: tuple[LeftOut, ...]) -> str:
    """Return in one line what is left out and why: the first few, and the number of others."""
    names = pretty_list([entry.path for entry in left_out], _NAMED)
    reasons = ", ".join(dict.fromkeys(entry.reason for entry in left_out))
    return f"{len(left_out)} ({reasons}): {names}"


def summary(left_out: tuple[LeftOut, ...]) -> dict[str, object]:
    """Return what is left out, for programs."""
    return {"count": len(left_out), "first": left_out[:_NAMED]}


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry of the folder; ``problem`` is the reason why it cannot be sent."""

    path: Path
    name: str
    problem: str | None = None
    hidden: bool = False

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(self.name.split("/"))


def _walk(folder: Path, prefix: str, above: tuple[tuple[int, int], ...]) -> Iterator[_Entry]:
    """Yield everything below a folder; ``above`` are the folders that lead to it."""
    state = folder.stat()
    here = (state.st_dev, state.st_ino)
    if here in above:
        yield _Entry(folder, prefix, "a link to a folder that it is in")
        return
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield _Entry(folder, prefix or ".", f"cannot be read: {error.strerror}")
        return
    for entry in entries:
        path, name = Path(entry.path), f"{prefix}{entry.name}"
        if entry.name.startswith("."):
            yield _Entry(path, f"{name}/" if entry.is_dir() else name, hidden=True)
        elif entry.is_dir():
            yield from _walk(path, f"{name}/", (*above, here))
        else:
            yield _Entry(path, name, _unsendable(path, name))


def _unsendable(path: Path, name: str) -> str | None:
    """Return why a path cannot be sent as a file; None if it can."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return "a link that leads nowhere" if path.is_symlink() else f"{error.strerror}"
    if not stat.S_ISREG(mode):
        return _KINDS.get(stat.S_IFMT(mode), "not a file")
    return None if os.access(path, os.R_OK) else "not readable"


_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
