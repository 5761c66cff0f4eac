"""The file that an asynchronous cloud app reads."""

import json
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self

from ferryman.sdk.aio import AsyncHttpTransport
from ferryman.sdk.download import Download, Opened

_PIECE = 1 << 20


class AsyncPayload(Opened):
    """A file of app data, read part by proven part; ``async with`` closes it. See ``Payload``.

    Raises ``MigrationAPIError`` when the file cannot be read to its end, or a part does not have
    its sha256.
    """

    def __init__(self, transport: AsyncHttpTransport, download: Download) -> None:
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
        """Let go of the connection."""
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
        """Let go of the connection."""
        await self.close()
