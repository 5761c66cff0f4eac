"""How far files are on their way: what whoever shows it is told."""

from collections.abc import Callable
from typing import Protocol

from ferryman.wire.upload import AppDataReceipt


class FileWatch(Protocol):
    """Is told of one file, in any thread."""

    def part(self, size: int, sent: bool, /) -> object:
        """Take note of ``size`` bytes that the store holds, and whether they were sent now."""

    def end(self, receipt: AppDataReceipt | None, /) -> object:
        """Take note that the file is registered, or given up; nothing follows."""


Watch = Callable[[str, str | None, int | None], FileWatch]
"""Called as a file begins, with its transfer, its label, and its size where that is known."""
