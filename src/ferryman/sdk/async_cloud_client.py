"""What the asynchronous clients of both kinds of cloud app share."""

from collections.abc import AsyncIterator, Iterable
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from ferryman.sdk import cloud_calls
from ferryman.sdk.aio import AsyncHttpTransport
from ferryman.sdk.async_payload import AsyncPayload
from ferryman.sdk.cloud_calls import MappingResponse
from ferryman.sdk.download import Download
from ferryman.sdk.query import Builder, ListResults, Result
from ferryman.vocab import ContainerType

V = TypeVar("V")


class AsyncQueryBuilder(Builder[AsyncHttpTransport, V], Generic[V]):
    """A paged read: narrow it with ``limit`` and ``cursor``, send it with ``get_…`` or a loop.

    ``async for entry in builder`` reads page after page, to the end.
    """

    __slots__ = ()

    async def get_one(self) -> Result[V] | None:
        """Return the first entry, or None when there is none."""
        return next(iter((await self._transport.call(self._first())).results), None)

    async def get_many(self) -> ListResults[V]:
        """Return a page of entries."""
        return await self._transport.call(self._page())

    async def __aiter__(self) -> AsyncIterator[Result[V]]:
        """Yield all entries from the cursor on, reading a page when it is needed."""
        page = await self.get_many()
        for each in page.results:
            yield each
        while page.next_cursor is not None:
            page = await self.cursor(page.next_cursor).get_many()
            for each in page.results:
                yield each


class AsyncCloudClient:
    """A connection to the platform that both kinds of app use alike."""

    def __init__(self, transport: AsyncHttpTransport, base: str) -> None:
        self._transport = transport
        self._base = base

    async def get_mapping_by_id(
        self, transfer_id: str, namespace: str, keys: Iterable[str]
    ) -> MappingResponse:
        """Translate server ids, any number; one without a mapping is absent from ``result``."""
        exchange = self._transport.exchange
        return await self._transport.run(
            cloud_calls.mapping_by_id(exchange, self._base, transfer_id, namespace, keys)
        )

    def get_mappings(self, transfer_id: str, namespace: str) -> AsyncQueryBuilder[str]:
        """Read the mappings of a namespace, at most 1,200 a page."""
        query = cloud_calls.mapping_query(self._base, transfer_id, namespace)
        return AsyncQueryBuilder(self._transport, query)

    def get_containers(
        self, transfer_id: str, container_type: ContainerType | str
    ) -> AsyncQueryBuilder[dict[str, Any]]:
        """Read what the admin selected, of one type, at most 250 a page."""
        query = cloud_calls.container_query(self._base, transfer_id, container_type)
        return AsyncQueryBuilder(self._transport, query)

    async def get_app_data_url(self, key: str) -> str:
        """Return a signed URL of a file, good for an hour: whoever has it can read the file."""
        return (await self._transport.call(cloud_calls.data_url(self._base, key))).url

    async def get_app_data_payload(self, key: str) -> AsyncPayload:
        """Open a file for reading."""
        download = Download(self._transport.exchange, key, self._base)
        await self._transport.run(download.open())
        return AsyncPayload(self._transport, download)

    async def close(self) -> None:
        """Let go of the connections; a later call opens new ones."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
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
