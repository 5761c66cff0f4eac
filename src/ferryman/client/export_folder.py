"""The folder of an export: files that are whole or not there, and lists of their digests.

The lists are in the form of ``sha256sum``, so that no program of ours is needed to check them.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import msgspec

SUMS = "SHA256SUMS"

_PIECE = 1 << 20


class Sums:
    """The digests of files below ``folder``, written to ``SHA256SUMS`` in it by ``keep``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lines: dict[str, str] = {}

    def add(self, path: Path, digest: str | None = None) -> None:
        """Note a file; without its digest it is read."""
        name = path.relative_to(self._folder).as_posix()
        self._lines[name] = digest or digest_of(path)

    def add_missing(self, paths: Iterable[Path]) -> None:
        """Note those that are not noted yet."""
        for path in paths:
            if path.relative_to(self._folder).as_posix() not in self._lines:
                self.add(path)

    def keep(self, more: Path | None = None) -> Path:
        """Write them, and the lines of the file ``more`` as they are; return the path."""
        target = self._folder / SUMS
        with written(target) as file:
            file.writelines(sum_line(digest, name) for name, digest in self._lines.items())
            if more is not None:
                with more.open("rb") as lines:
                    while piece := lines.read(_PIECE):
                        file.write(piece)
        return target


def sum_line(digest: str, name: str) -> bytes:
    """Return a line of ``SHA256SUMS``."""
    return f"{digest}  {name}\n".encode()


def read_sums(path: Path) -> Iterator[tuple[str, str]]:
    """Yield digests and names; raise ``ValueError`` for any other line."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            digest, gap, name = line.decode(errors="replace").rstrip("\n").partition("  ")
            if len(digest) != 64 or not gap or not name or not line.endswith(b"\n"):
                raise ValueError(f"line {number} of {path} is no digest and name")
            yield digest, name


def write_rows(path: Path, rows: Iterable[object]) -> int:
    """Write rows as lines of JSON, as they come; return their number."""
    count = 0
    with written(path) as file:
        for row in rows:
            file.write(msgspec.json.encode(row) + b"\n")
            count += 1
    return count


@contextmanager
def written(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write, which gets its name once all of it is on disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    with draft.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def digest_of(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as file:
        return hash_all(iter(lambda: file.read(_PIECE), b""))


def hash_all(pieces: Iterable[bytes]) -> str:
    """Return the sha256 of bytes that come in pieces."""
    digest = sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()
