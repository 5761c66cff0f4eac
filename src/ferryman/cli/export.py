"""What a migration of files on this machine sends: every file, or a reason why not.

A name that is given is sent, whatever it is called. Of a folder, what begins with a dot is left
out and told; a link is followed; what cannot be read as a file is refused before anything starts.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ferryman.cli.plan import label_of
from ferryman.cli.render import clean, pretty_list
from ferryman.errors import ConfigError
from ferryman.wire.base import Wire

_HIDDEN = "its name begins with a dot"
_NAMED = 5


class LeftOut(Wire, frozen=True):
    """A file or folder that is not sent; ``path`` is as seen from the folder of files."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Export:
    """What is sent: each file with its label, in the order of their paths."""

    files: tuple[tuple[Path, str], ...]
    mappings: Path | None
    left_out: tuple[LeftOut, ...] = ()


def export_of(root: Path, mappings: Path | None, labels: Mapping[str, str]) -> Export:
    """Find what there is to send.

    Raises ``ConfigError``: ``files_missing`` where that is nothing, ``files_unsendable`` where
    something of it cannot be sent as a file.
    """
    if root.is_dir():
        found = sorted(_walk(root, "", ()), key=lambda each: each.parts)
    else:
        problem = _unsendable(root, root.name)
        found = [_Found(root, root.name, problem)] if os.path.lexists(root) else []
    bad = [(each.name, each.problem) for each in found if each.problem]
    if bad:
        raise ConfigError(
            "files_unsendable",
            expected=f"only files and folders in {root}",
            found=pretty_list([f"{name} ({problem})" for name, problem in bad], _NAMED),
            fix="Remove them, or move them out of the folder of the exported files.",
        )
    left = tuple(LeftOut(path=clean(each.name), reason=_HIDDEN) for each in found if each.hidden)
    sent = [(each.path, each.name) for each in found if not each.hidden]
    if not sent:
        hidden = f"only what is left out: {told(left)}" if left else "none"
        raise ConfigError(
            "files_missing",
            expected=f"at least one file in {root}",
            found=hidden if os.path.lexists(root) else "no such folder",
            fix="Name the folder of the exported files, or one file.",
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
        raise ConfigError(
            "mappings_missing",
            expected=f"a file of mappings at {mappings}",
            found="no such file",
            fix="Correct the path.",
        )
    named = tuple((path, clean(label_of(name, labels))) for path, name in files)
    return Export(named, mappings, left_out)


def told(left_out: tuple[LeftOut, ...]) -> str:
    """Say in one line what is left out and why: the first few, and how many more."""
    names = pretty_list([each.path for each in left_out], _NAMED)
    reasons = ", ".join(dict.fromkeys(each.reason for each in left_out))
    return f"{len(left_out)} ({reasons}): {names}"


def summary(left_out: tuple[LeftOut, ...]) -> dict[str, object]:
    """The same for programs."""
    return {"count": len(left_out), "first": left_out[:_NAMED]}


@dataclass(frozen=True, slots=True)
class _Found:
    """An entry of the folder; ``problem`` is why it cannot be sent."""

    path: Path
    name: str
    problem: str | None = None
    hidden: bool = False

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(self.name.split("/"))


def _walk(folder: Path, prefix: str, above: tuple[tuple[int, int], ...]) -> Iterator[_Found]:
    """Give everything below a folder; ``above`` are the folders that lead to it."""
    state = folder.stat()
    here = (state.st_dev, state.st_ino)
    if here in above:
        yield _Found(folder, prefix, "a link to a folder that it is in")
        return
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield _Found(folder, prefix or ".", f"cannot be read: {error.strerror}")
        return
    for entry in entries:
        path, name = Path(entry.path), f"{prefix}{entry.name}"
        if entry.name.startswith("."):
            yield _Found(path, f"{name}/" if entry.is_dir() else name, hidden=True)
        elif entry.is_dir():
            yield from _walk(path, f"{name}/", (*above, here))
        else:
            yield _Found(path, name, _unsendable(path, name))


def _unsendable(path: Path, name: str) -> str | None:
    """Why a path cannot be sent as a file; None if it can."""
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
