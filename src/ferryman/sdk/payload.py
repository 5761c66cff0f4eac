"""The files that a cloud app reads: ``Payload``, and ``AsyncPayload`` for ``async with``."""

import io
import json
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

from ferryman.sdk.download import Download
from ferryman.sdk.http import HttpTransport

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from ferryman.sdk.async_http import AsyncHttpTransport  # needs aiohttp

_BUFFER = 256 * 1024
_PIECE = 1 << 20


class ResponseInfo:
    """The members of an HTTP answer that the files of both faces have."""

    _download: Download

    @property
    def ok(self) -> bool:
        """Always True: any other answer was raised as ``MigrationAPIError``."""
        return True

    @property
    def status(self) -> int:
        """The HTTP status, 200."""
        return self._download.reader.status

    @property
    def status_text(self) -> str:
        """The words for the status, ``OK``."""
        return HTTPStatus(self._download.reader.status).phrase

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the answer; names are lower case."""
        return dict(self._download.reader.headers)


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
        """Fetch and verify the whole file once, to be read in any order."""
        if self._whole is None:
            download = self._download
            if self._at:
                download = download.from_the_beginning()
                self._transport.run(download.open())
            from tempfile import TemporaryFile

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


class Payload(ResponseInfo, io.BufferedReader):
    """A file of app data: a readable binary file object with the members of an HTTP answer.

    You get exactly the bytes that the server app wrote: no byte of a part is returned before the
    sha256 of the whole part is verified, and a part that fails is fetched again. Memory does not
    grow with the file: at most one part is held, in a temporary file if it is larger than 32 MiB.
    A broken connection is resumed with a new signed URL.

    ``seek`` works, as ``zipfile.ZipFile`` and readers of Parquet need it: the first seek to another
    place downloads the whole file to a temporary file, which takes its size on disk until
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


class AsyncPayload(ResponseInfo):
    """A file of app data, verified part by part; ``async with`` closes it. See ``Payload``.

    Raises ``MigrationAPIError`` when the file cannot be read to its end, or a part does not have
    its sha256.
    """

    def __init__(self, transport: "AsyncHttpTransport", download: Download) -> None:
        self._transport = transport
        self._download = download

    async def read(self, size: int = -1) -> bytes:
        """Return the next ``size`` bytes, fewer only at the end; all that is left without it."""
        pieces: list[bytes] = []
        left = size
        while left != 0:
            want = _PIECE if left < 0 else min(left, _PIECE)
            piece = await self._transport.run(self._download.read(want))
            if not piece:
                break
            pieces.append(piece)
            left -= len(piece) if left > 0 else 0
        return b"".join(pieces)

    async def iter_bytes(self, chunk_size: int = _PIECE) -> AsyncIterator[bytes]:
        """Yield the rest of the file in pieces of ``chunk_size`` bytes; the last is shorter."""
        while chunk := await self.read(chunk_size):
            yield chunk

    async def content(self) -> bytes:
        """Return the rest of the file, all in memory."""
        return await self.read()

    async def text(self, encoding: str = "utf-8") -> str:
        """Return the rest of the file as text."""
        return (await self.read()).decode(encoding)

    async def json(self) -> Any:
        """Return the rest of the file, which is one JSON document, as Python values."""
        return json.loads(await self.read())

    async def close(self) -> None:
        """Close the connection."""
        await self._transport.run(self._download.close())

    async def __aenter__(self) -> Self:
        """Read within a block."""
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connection."""
        await self.close()
