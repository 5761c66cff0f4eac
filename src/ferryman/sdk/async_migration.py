"""The asynchronous clients of cloud apps: the calls of ``sdk/migration.py``, awaited."""

from collections.abc import AsyncIterator, Iterable, Sequence
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from ferryman.sdk.async_http import AsyncHttpTransport
from ferryman.sdk.download import Download
from ferryman.sdk.operation import setting
from ferryman.sdk.operations import cloud, connect
from ferryman.sdk.operations.cloud import AppData, AppDataListResponse, MappingResponse
from ferryman.sdk.pagination import Builder, ListResults, Result
from ferryman.sdk.payload import AsyncPayload
from ferryman.sdk.signature import ConnectSigner
from ferryman.vocab import AckStatus, ContainerType, ReportedStatus
from ferryman.wire.connect import ProgressReport, RecentTransfer
from ferryman.wire.listener import ListenerError

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
        for result in page.results:
            yield result
        while page.next_cursor is not None:
            page = await self.cursor(page.next_cursor).get_many()
            for result in page.results:
                yield result


class AsyncCloudClient:
    """Holds the calls that Forge and Connect apps share."""

    def __init__(self, transport: AsyncHttpTransport, base: str) -> None:
        self._transport = transport
        self._base = base

    async def get_mapping_by_id(
        self, transfer_id: str, namespace: str, keys: Iterable[str]
    ) -> MappingResponse:
        """Translate server ids, any number; one without a mapping is absent from ``result``."""
        exchange = self._transport.exchange
        return await self._transport.run(
            cloud.mapping_by_id(exchange, self._base, transfer_id, namespace, keys)
        )

    def get_mappings(self, transfer_id: str, namespace: str) -> AsyncQueryBuilder[str]:
        """Read the mappings of a namespace, at most 1,200 a page."""
        query = cloud.mapping_query(self._base, transfer_id, namespace)
        return AsyncQueryBuilder(self._transport, query)

    def get_containers(
        self, transfer_id: str, container_type: ContainerType | str
    ) -> AsyncQueryBuilder[dict[str, Any]]:
        """Read what the admin selected, of one type, at most 250 a page."""
        query = cloud.container_query(self._base, transfer_id, container_type)
        return AsyncQueryBuilder(self._transport, query)

    async def get_app_data_url(self, key: str) -> str:
        """Return a signed URL of a file, valid for an hour: whoever has it can read the file."""
        return (await self._transport.call(cloud.data_url(self._base, key))).url

    async def get_app_data_payload(self, key: str) -> AsyncPayload:
        """Open a file for reading."""
        download = Download(self._transport.exchange, key, self._base)
        await self._transport.run(download.open())
        return AsyncPayload(self._transport, download)

    async def close(self) -> None:
        """Close the connections; a later call opens new ones."""
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
        """Close the connections."""
        await self.close()


class AsyncMigration(AsyncCloudClient):
    """The platform as a Forge app calls it; see ``Migration``. For one event loop at a time.

    Needs ``ferryman[async]``. Close it, or use it as a block. Example::

        async with AsyncMigration() as migration:
            async with await migration.get_app_data_payload(event["key"]) as payload:
                load(await payload.json())
            await migration.message_processed(event["transferId"], event["messageId"])
    """

    def __init__(
        self, url: str | None = None, token: str | None = None, *, retry_seconds: float = 15.0
    ) -> None:
        transport = AsyncHttpTransport(
            setting(url, "FERRYMAN_URL"),
            setting(token, "FERRYMAN_TOKEN"),
            retry_seconds=retry_seconds,
        )
        super().__init__(transport, cloud.FORGE)

    async def get_app_data_list(self, transfer_id: str) -> AppDataListResponse:
        """List the files of a transfer, all in memory; ``iter_app_data`` takes less."""
        exchange = self._transport.exchange
        return await self._transport.run(cloud.app_data_list(exchange, transfer_id))

    async def iter_app_data(self, transfer_id: str) -> AsyncIterator[AppData]:
        """Yield the files of a transfer, reading a page of at most 1,000 when it is needed."""
        page = await self._transport.call(cloud.app_data_page(transfer_id, None))
        for result in page.results:
            yield result
        while page.next_cursor is not None:
            page = await self._transport.call(cloud.app_data_page(transfer_id, page.next_cursor))
            for result in page.results:
                yield result

    async def message_processed(self, transfer_id: str, message_id: str, *more: str) -> None:
        """Acknowledge an event, or several: the data is imported. Repeating is harmless."""
        await self._acknowledge(transfer_id, message_id, *more, status=AckStatus.SUCCESS)

    async def message_failed(self, transfer_id: str, message_id: str, *more: str) -> None:
        """Acknowledge an event, or several: the data could not be imported, and will not be."""
        await self._acknowledge(transfer_id, message_id, *more, status=AckStatus.FAILED)

    async def add_log(self, transfer_id: str, message: str) -> None:
        """Add a line of at most 65,536 characters to the progress log the customer sees."""
        await self._transport.call(cloud.log_message(transfer_id, message))

    async def _acknowledge(self, transfer_id: str, *message_ids: str, status: AckStatus) -> None:
        exchange = self._transport.exchange
        await self._transport.run(cloud.acknowledge(exchange, transfer_id, message_ids, status))


class AsyncConnectMigration(AsyncCloudClient):
    """The platform as a Connect app calls it; see ``ConnectMigration``. One loop at a time.

    Needs ``ferryman[async]``. Close it, or use it as a block. Example::

        async with AsyncConnectMigration(url, "com.example.notes", shared_secret) as migration:
            async with await migration.get_app_data_payload(event["s3Key"]) as payload:
                load(await payload.json())
            await migration.report_progress(event["transferId"], "SUCCESS", percent=100)
    """

    def __init__(
        self,
        url: str | None = None,
        app_key: str | None = None,
        shared_secret: str | None = None,
        *,
        retry_seconds: float = 15.0,
    ) -> None:
        signer = ConnectSigner(
            setting(app_key, "FERRYMAN_APP_KEY"), setting(shared_secret, "FERRYMAN_SHARED_SECRET")
        )
        transport = AsyncHttpTransport(
            setting(url, "FERRYMAN_URL"), signer, retry_seconds=retry_seconds
        )
        super().__init__(transport, connect.CONNECT)

    async def get_webhooks(self) -> list[str]:
        """Return the addresses that get the app's events."""
        return (await self._transport.call(connect.get_webhooks())).endpoints

    async def set_webhooks(self, endpoints: Sequence[str]) -> list[str]:
        """Replace all addresses, at most five; returns what the platform keeps."""
        return (await self._transport.call(connect.set_webhooks(endpoints))).endpoints

    async def clear_webhooks(self) -> None:
        """Remove all addresses."""
        await self._transport.call(connect.set_webhooks(()))

    async def report_progress(
        self,
        transfer_id: str,
        status: ReportedStatus | str,
        percent: int | None = None,
        message: str | None = None,
    ) -> ProgressReport:
        """Report progress, or settle the transfer by SUCCESS, FAILED or INCOMPLETE.

        ``percent`` is 0 to 100; without it, or with 0, the last value stays, and a report with a
        lower one is ignored. Returns the report as the platform recorded it. Raises
        ``ValueError`` for an unknown status.
        """
        report = connect.report_progress(transfer_id, status, percent, message)
        return await self._transport.call(report)

    async def get_app_data_list(self, transfer_id: str) -> AppDataListResponse:
        """List the files of a transfer."""
        exchange = self._transport.exchange
        return await self._transport.run(connect.app_data_list(exchange, transfer_id))

    async def get_recent_transfers(self) -> list[RecentTransfer]:
        """Return the app's running transfers, newest first, at most 100."""
        return await self._transport.call(connect.recent_transfers())

    async def leave_feedback(self, transfer_id: str, details: dict[str, Any]) -> None:
        """Leave something for the server app to read; it replaces what was there."""
        await self._transport.call(connect.leave_feedback(transfer_id, details))

    async def get_listener_error(self, transfer_id: str) -> ListenerError | None:
        """Return what the listener threw, by class and frames, or None."""
        exchange = self._transport.exchange
        return await self._transport.run(connect.listener_error(exchange, transfer_id))
