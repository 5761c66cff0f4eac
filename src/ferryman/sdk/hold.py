"""Where a part waits for its proof."""

from io import BytesIO
from tempfile import TemporaryFile
from typing import IO

HELD_IN_MEMORY = 32 << 20
"""A part that is longer waits in a temporary file."""


class Hold:
    """The bytes of one part: written, proven, then read. Memory is bounded for a part of any size.

    What is written can be read only after ``prove``.
    """

    def __init__(self, limit: int = HELD_IN_MEMORY) -> None:
        self._limit = limit
        self._file: IO[bytes] = BytesIO()
        self._on_disk = False
        self._proven = False

    def write(self, data: bytes) -> None:
        """Add what came."""
        if not self._on_disk and self._file.tell() + len(data) > self._limit:
            memory, self._file, self._on_disk = self._file, TemporaryFile(), True  # noqa: SIM115
            memory.seek(0)
            self._file.write(memory.read())
        self._file.write(data)

    def empty(self) -> None:
        """Throw away what is there, for another try or another part."""
        self._proven = False
        self._file.seek(0)
        self._file.truncate()

    def prove(self) -> None:
        """Let it be read, from its beginning."""
        self._proven = True
        self._file.seek(0)

    def read(self, size: int) -> bytes:
        """Read what is proven; empty at its end. Raises ``ValueError`` once it is closed."""
        data = self._file.read(size)
        return data if self._proven else b""

    def close(self) -> None:
        """Let go of it."""
        self._file.close()
