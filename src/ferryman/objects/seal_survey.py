"""Find the files of a local store that are not encrypted by the newest key."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ferryman.objects.sealed_file import newest_sealed, plain_name, sealed_name
from ferryman.objects.sealing import ObjectKeys, plain_size
from ferryman.objects.signed_url import is_key


@dataclass(slots=True)
class SealReport:
    """Files on the disk and their plain bytes; of a file in parts, each part counts."""

    files: int = 0
    plain_files: int = 0
    plain_bytes: int = 0
    older_files: int = 0
    older_bytes: int = 0
    sealed_files: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def left_files(self) -> int:
        """Return how many are not encrypted by the newest key."""
        return self.plain_files + self.older_files

    @property
    def left_bytes(self) -> int:
        """Return the bytes of those."""
        return self.plain_bytes + self.older_bytes


@dataclass(frozen=True, slots=True)
class Pending:
    """A file to encrypt, by its plain name; ``upload`` is the folder of its upload, if open."""

    path: Path
    size: int
    upload: Path | None


def pending_files(root: Path, keys: ObjectKeys, report: SealReport) -> Iterator[Pending]:
    """Yield the files under ``root`` that the newest key did not encrypt, and count all of them.

    Uploads come first: one that is completed in the meantime is found again among the files.
    """
    for path, upload in _pieces(root):
        with suppress(FileNotFoundError):
            report.files += 1
            if path.exists():
                size = path.stat().st_size
                report.plain_files += 1
                report.plain_bytes += size
                yield Pending(path, size, upload)
            elif not newest_sealed(path, keys):
                size = plain_size(sealed_name(path).stat().st_size) or 0
                report.older_files += 1
                report.older_bytes += size
                yield Pending(path, size, upload)


def _pieces(root: Path) -> Iterator[tuple[Path, Path | None]]:
    for upload in _sorted(root / "uploads"):
        for part in _parts(upload):
            yield part, upload
    for folder in _sorted(root / "objects"):
        for path in _sorted(folder):
            if path.is_dir():
                yield from ((part, None) for part in _parts(path))
            elif is_key(path.name):
                yield path, None


def _sorted(folder: Path) -> list[Path]:
    """Return the paths in a folder by their plain names, each once; none if the folder is gone."""
    with suppress(FileNotFoundError, NotADirectoryError):
        names = {plain_name(path.name) for path in folder.iterdir()}
        return [folder / name for name in sorted(names)]
    return []


def _parts(folder: Path) -> list[Path]:
    return [path for path in _sorted(folder) if path.name.partition("-")[1]]
