"""A file of one part in the local store: one file, written under its final name (ADR 0058).

Its upload is nothing but a reference until the bytes come, and completing it moves nothing. No
other bytes are ever signed for the name, so that it serves as their etag.
"""

import re
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ferryman.errors import OutsideError
from ferryman.objects.sealed_file import sealed_length
from ferryman.wire.upload import PartRequest, StoredPart

_SPELLED = re.compile(r"one:([0-9]{1,16}):([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class WholeFile:
    """The only bytes that such an upload takes; ``str()`` is its reference."""

    size: int
    sha256: str

    def __str__(self) -> str:
        """Return the reference stored with the upload; those of other uploads have no colon."""
        return f"one:{self.size}:{self.sha256}"

    def is_all(self, parts: Sequence[PartRequest]) -> bool:
        """Return whether these parts are exactly this file."""
        mine = (1, self.size, self.sha256)
        return all((part.number, part.size, part.sha256) == mine for part in parts)

    def parts(self, path: Path) -> list[StoredPart]:
        """Return the file at ``path`` as the only part, or none if it has not come."""
        # Its digest was checked before it got its name.
        found: int | None = None
        try:
            status = path.stat()
        except FileNotFoundError:
            with suppress(OutsideError):  # cut: like one that has not come
                found = sealed_length(path)
        else:
            found = status.st_size if stat.S_ISREG(status.st_mode) else None
        if found != self.size:
            return []
        return [StoredPart(number=1, size=self.size, sha256=self.sha256, etag=self.sha256)]


def read_whole_file(upload_ref: str) -> WholeFile | None:
    """Parse a reference; return None for that of an upload in parts, which is its key."""
    match = _SPELLED.fullmatch(upload_ref)
    return None if match is None else WholeFile(int(match[1]), match[2])
