"""The migration API for cloud apps, asynchronous: the calls of ``Migration``, awaited."""

import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Generic, TypeVar

from ferryman.sdk import cloud_calls
from ferryman.sdk.aio import AsyncHttpTransport
from ferryman.sdk.cloud_calls import (
    AppDataListResponse,
    ListResults,
    MappingResponse,
    Query,
    Result,
)
from ferryman.sdk.download import Download
from ferryman.sdk.errors import MigrationAPIError
from ferryman.sdk.migration import setting
from ferryman.vocab import AckStatus, ContainerType

V = TypeVar("V")

_PIECE = 1 << 20


class AsyncPayload:
    """A file of app data, read as it comes; ``async with`` closes it.

    Raises ``MigrationAPIError`` when the file cannot be read to its end.
    """

    def __init__(self, transport: AsyncHttpTransport, download: Download) -> None:
        self._transport = transport
        self._download = download

    @property
    def ok(self) -> bool:
        """Always True: any other answer was raised as ``MigrationAPIError``."""
        return True

    @property
    def status(self) -> int:
        """The HTTP status, 200."""
        return self._download.status

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the answer; names are lower case."""
        return dict(self._download.headers)

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

    async def __aenter__(self) -> "AsyncPayload":
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


@dataclass(frozen=True, slots=True)
class AsyncQueryBuilder(Generic[V]):
    """A paged read: narrow it with ``limit`` and ``cursor``, send it with ``get_…``."""

    _transport: AsyncHttpTransport
    _query: Query[V]
    _limit: int | None = None
    _cursor: str | None = None

    def limit(self, limit: int) -> "AsyncQueryBuilder[V]":
        """Ask for at most this many entries."""
        return replace(self, _limit=limit)

    def cursor(self, cursor: str | None) -> "AsyncQueryBuilder[V]":
        """Go on after an earlier page's ``next_cursor``."""
        return replace(self, _cursor=cursor)

    async def get_one(self) -> Result[V] | None:
        """Return the first entry, or None when there is none."""
        page = await self._transport.call(self._query.page(1, self._cursor))
        return page.results[0] if page.results else None

    async def get_many(self) -> ListResults[V]:
        """Return a page of entries."""
        return await self._transport.call(self._query.page(self._limit, self._cursor))


class AsyncMigration:
    """What a cloud app may ask of the platform; see ``Migration``. Close it, or use a block."""

    def __init__(
        self, url: str | None = None, token: str | None = None, *, patience: float = 15.0
    ) -> None:
        self._transport = AsyncHttpTransport(
            setting(url, "FERRYMAN_URL"),
            setting(token, "FERRYMAN_TOKEN"),
            patience=patience,
            error=MigrationAPIError,
        )

    async def get_mapping_by_id(
        self, transfer_id: str, namespace: str, keys: Iterable[str]
    ) -> MappingResponse:
        """Translate server ids; one without a mapping is absent from ``result``."""
        exchange = self._transport.exchange
        return await self._transport.run(
            cloud_calls.mapping_by_id(exchange, transfer_id, namespace, list(keys))
        )

    async def get_app_data_list(self, transfer_id: str) -> AppDataListResponse:
        """List the files of a transfer."""
        exchange = self._transport.exchange
        return await self._transport.run(cloud_calls.app_data_list(exchange, transfer_id))

    async def get_app_data_payload(self, key: str) -> AsyncPayload:
        """Open a file for reading."""
        download = Download(self._transport.exchange, key)
        await self._transport.run(download.open())
        return AsyncPayload(self._transport, download)

    async def message_processed(self, transfer_id: str, message_id: str) -> None:
        """Acknowledge an event: its data is imported. Saying so twice is harmless."""
        await self._acknowledge(transfer_id, message_id, AckStatus.SUCCESS)

    async def message_failed(self, transfer_id: str, message_id: str) -> None:
        """Acknowledge an event: its data could not be imported, and will not be."""
        await self._acknowledge(transfer_id, message_id, AckStatus.FAILED)

    def get_mappings(self, transfer_id: str, namespace: str) -> AsyncQueryBuilder[str]:
        """Read the mappings of a namespace, at most 1,200 a page."""
        query = cloud_calls.mapping_query(transfer_id, namespace)
        return AsyncQueryBuilder(self._transport, query)

    def get_containers(
        self, transfer_id: str, container_type: ContainerType | str
    ) -> AsyncQueryBuilder[dict[str, Any]]:
        """Read what the admin selected, of one type, at most 250 a page."""
        query = cloud_calls.container_query(transfer_id, container_type)
        return AsyncQueryBuilder(self._transport, query)

    async def add_log(self, transfer_id: str, message: str) -> None:
        """Add a line of at most 65,536 characters to the progress log the customer sees."""
        await self._transport.call(cloud_calls.log_message(transfer_id, message))

    async def close(self) -> None:
        """Let go of the connections; a later call opens new ones."""
        await self._transport.close()

    async def __aenter__(self) -> "AsyncMigration":
        """Use the client for the length of a block."""
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let go of the connections."""
        await self.close()

    async def _acknowledge(self, transfer_id: str, message_id: str, status: AckStatus) -> None:
        await self._transport.call(cloud_calls.acknowledge(transfer_id, message_id, status))
