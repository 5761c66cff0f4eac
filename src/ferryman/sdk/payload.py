"""The file that a cloud app reads."""

import io
import json
from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

from ferryman.sdk.download import Download, Opened
from ferryman.sdk.http import HttpTransport

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BUFFER = 256 * 1024
_PIECE = 1 << 20


class _RawPayload(io.RawIOBase):
    def __init__(self, transport: HttpTransport, download: Download) -> None:
        super().__init__()
        self._transport = transport
        self._download = download
        self._at = 0
        self._whole: IO[bytes] | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        view = memoryview(buffer).cast("B")
        if self._whole is not None:
            data = self._whole.read(view.nbytes)
        else:
            data = self._transport.run(self._download.read(view.nbytes))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        starts = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._download.source.size}
        target = starts[whence] + offset
        if target < 0:
            raise ValueError(f"expected a place within the file; found {target}")
        if target != self._at:
            self._at = self._on_disk().seek(target)
        return self._at

    def close(self) -> None:
        if not self.closed:
            self._transport.run(self._download.close())
            if self._whole is not None:
                self._whole.close()
        super().close()

    def _on_disk(self) -> IO[bytes]:
        """The whole file, fetched and proven once, to be read in any order."""
        if self._whole is None:
            download = self._download
            if self._at:
                download = download.from_the_beginning()
                self._transport.run(download.open())
            whole = TemporaryFile()  # noqa: SIM115
            try:
                while data := self._transport.run(download.read(_PIECE)):
                    whole.write(data)
            except BaseException:
                whole.close()
                raise
            finally:
                if download is not self._download:
                    self._transport.run(download.close())
            self._whole = whole
        return self._whole


class Payload(Opened, io.BufferedReader):
    """A file of app data: a readable binary file object with the members of an HTTP answer.

    The bytes are those the server app wrote: no byte of a part is given before the sha256 of the
    whole part is proven, and a part that comes wrong is fetched again. Memory does not grow with
    the file: at most one part is held, and one beyond 32 MiB waits in a temporary file. A
    connection that breaks is resumed with a new signed URL.

    ``seek`` works, as ``zipfile.ZipFile`` and readers of Parquet need it: the first one to another
    place fetches the whole file into a temporary file, which takes its size on disk until
    ``close``. Example::

        with migration.get_app_data_payload(key) as payload, gzip.open(payload) as lines:
            for line in lines: ...

    Raises ``MigrationAPIError`` when the file cannot be read to its end, or a part does not have
    its sha256.
    """

    def __init__(self, transport: HttpTransport, download: Download) -> None:
        super().__init__(_RawPayload(transport, download), _BUFFER)
        self._download = download

    def iter_bytes(self, chunk_size: int = 1 << 20) -> Iterator[bytes]:
        """Yield the rest of the file in pieces of ``chunk_size`` bytes; the last is shorter."""
        while chunk := self.read(chunk_size):
            yield chunk

    def content(self) -> bytes:
        """Return the rest of the file, all in memory."""
        return self.read()

    def text(self, encoding: str = "utf-8") -> str:
        """Return the rest of the file as text."""
        return self.read().decode(encoding)

    def json(self) -> Any:
        """Return the rest of the file, which is one JSON document, as Python values."""
        return json.loads(self.read())
