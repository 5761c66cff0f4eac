"""The file that a cloud app reads."""

import io
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ferryman.sdk.download import Download, Opened
from ferryman.sdk.http import HttpTransport

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BUFFER = 256 * 1024


class _RawPayload(io.RawIOBase):
    def __init__(self, transport: HttpTransport, download: Download) -> None:
        super().__init__()
        self._transport = transport
        self._download = download

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        view = memoryview(buffer).cast("B")
        data = self._transport.run(self._download.read(view.nbytes))
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._transport.run(self._download.close())
        super().close()


class Payload(Opened, io.BufferedReader):
    """A file of app data: a readable binary file object with the members of an HTTP answer.

    The bytes are those the server app wrote: no byte of a part is given before the sha256 of the
    whole part is proven, and a part that comes wrong is fetched again. Memory does not grow with
    the file: at most one part is held, and one beyond 32 MiB waits in a temporary file. A
    connection that breaks is resumed with a new signed URL. Example::

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
