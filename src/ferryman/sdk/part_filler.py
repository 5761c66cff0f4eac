"""Cut written data into parts, and hand each part to its upload when it is full."""

import io
from collections.abc import Iterator

from ferryman.sdk.upload import FileUpload


class PartFiller:
    """Fills one part after another, for one writer."""

    def __init__(self, upload: FileUpload) -> None:
        self._upload = upload
        self._part: memoryview | None = None
        self._filled = self._sent = 0

    @property
    def empty(self) -> bool:
        """Whether nothing was filled in yet."""
        return self._part is None and self._sent == 0

    def fill(self, view: memoryview) -> None:
        """Add bytes; waits while the parts being sent fill the budget."""
        while view.nbytes:
            space = self._room()
            taken = view[: space.nbytes]
            space[: taken.nbytes] = taken
            view = view[taken.nbytes :]
            self._add(taken.nbytes)

    def fill_from(self, source: io.FileIO) -> Iterator[memoryview]:
        """Read a file to its end, straight into the parts; yields the pieces that were read."""
        while size := source.readinto(space := self._room()):
            yield space[:size]
            self._add(size)

    def flush(self) -> None:
        """Send the last, incomplete part, if there is one."""
        if self._part is not None and self._filled:
            self._send(self._part[: self._filled])

    def drop(self) -> None:
        """Give back the memory of the part that is being filled."""
        self._part = None

    def _room(self) -> memoryview:
        if self._part is None:
            self._part = self._upload.lend()
        return self._part[self._filled :]

    def _add(self, size: int) -> None:
        self._filled += size
        if self._part is not None and self._filled == self._part.nbytes:
            self._send(self._part)

    def _send(self, body: memoryview) -> None:
        self._part, self._filled = None, 0
        self._upload.send(body)
        self._sent += 1
