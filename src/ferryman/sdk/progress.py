"""Report the progress of uploads to a program, and count the parts of one file."""

from collections.abc import Callable
from threading import Lock
from typing import Protocol

from ferryman.wire.upload import AppDataReceipt, StoredPart


class FileProgress(Protocol):
    """Follows one file; its methods are called in any thread."""

    def part(self, size: int, sent: bool, /) -> object:
        """Note ``size`` bytes that the store holds, and whether they were sent just now."""

    def end(self, receipt: AppDataReceipt | None, /) -> object:
        """Note that the file is registered, or given up (None); nothing follows."""


UploadProgress = Callable[[str, str | None, int | None], FileProgress]
"""Called as a file begins, with its transfer, its label, and its size if that is known."""

BytesProgress = Callable[[int, bool], object]
"""Called in any thread with bytes that arrived, and whether just now; negative: dropped again."""


class PartCount:
    """Counts the parts of one upload and passes their bytes to ``on_progress``."""

    def __init__(self, on_progress: BytesProgress) -> None:
        self.sent: int = 0
        self.sent_bytes: int = 0
        self.resumed: int = 0
        self._on_progress = on_progress
        self._lock = Lock()
        self._there = {True: 0, False: 0}

    def add(self, part: StoredPart, sent: bool, /) -> None:
        """Count a part that the store holds, and whether it was sent just now."""
        with self._lock:
            self.sent += sent
            self.sent_bytes += part.size if sent else 0
            self.resumed += not sent
            self._there[sent] += part.size
            self._on_progress(part.size, sent)

    def restart(self) -> None:
        """Take back the bytes counted so far: the store dropped them."""
        with self._lock:
            self.resumed = 0
            for sent, size in self._there.items():
                self._there[sent] = 0
                self._on_progress(-size, sent)
