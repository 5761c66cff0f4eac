"""Free space on the disk of the data folder, and the reserve that app data may not touch."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

_SHARE = 20
"""The reserve is at most one part in so many of the disk, so that small disks can be used."""


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes that are free on a disk, and those of them that are kept for the database and logs."""

    free: int
    reserve: int

    @property
    def left(self) -> int:
        """Return the bytes that app data may take; negative if the reserve is in use."""
        return self.free - self.reserve


def room_in(folder: Path, reserve: int) -> Room:
    """Return the room on the disk of ``folder``; raises ``OSError`` if there is no such folder."""
    usage = shutil.disk_usage(folder)
    return Room(usage.free, min(reserve, usage.total // _SHARE))


def try_writing(folder: Path) -> None:
    """Write a file to ``folder`` and remove it; raises ``OSError`` if that fails."""
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"x")
