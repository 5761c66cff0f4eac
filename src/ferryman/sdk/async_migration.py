"""The migration API for Forge apps, asynchronous: the calls of ``Migration``, awaited."""

from collections.abc import AsyncIterator

from ferryman.sdk import cloud_calls
from ferryman.sdk.aio import AsyncHttpTransport
from ferryman.sdk.async_cloud_client import AsyncCloudClient
from ferryman.sdk.cloud_calls import AppData, AppDataListResponse
from ferryman.sdk.errors import MigrationAPIError
from ferryman.sdk.operation import setting
from ferryman.vocab import AckStatus


class AsyncMigration(AsyncCloudClient):
    """What a Forge app may ask of the platform; see ``Migration``. For one event loop at a time.

    Needs ``ferryman[async]``. Close it, or use it as a block. Example::

        async with AsyncMigration() as migration:
            async with await migration.get_app_data_payload(event["key"]) as payload:
                load(await payload.json())
            await migration.message_processed(event["transferId"], event["messageId"])
    """

    def __init__(
        self, url: str | None = None, token: str | None = None, *, patience: float = 15.0
    ) -> None:
        transport = AsyncHttpTransport(
            setting(url, "FERRYMAN_URL"),
            setting(token, "FERRYMAN_TOKEN"),
            patience=patience,
            error=MigrationAPIError,
        )
        super().__init__(transport, cloud_calls.FORGE)

    async def get_app_data_list(self, transfer_id: str) -> AppDataListResponse:
        """List the files of a transfer, all in memory; ``iter_app_data`` takes less."""
        exchange = self._transport.exchange
        return await self._transport.run(cloud_calls.app_data_list(exchange, transfer_id))

    async def iter_app_data(self, transfer_id: str) -> AsyncIterator[AppData]:
        """Yield the files of a transfer, reading a page of at most 1,000 when it is needed."""
        page = await self._transport.call(cloud_calls.app_data_page(transfer_id, None))
        for each in page.results:
            yield each
        while page.next_cursor is not None:
            page = await self._transport.call(
                cloud_calls.app_data_page(transfer_id, page.next_cursor)
            )
            for each in page.results:
                yield each

    async def message_processed(self, transfer_id: str, message_id: str, *more: str) -> None:
        """Acknowledge an event, or several: the data is imported. Repeating is harmless."""
        await self._acknowledge(transfer_id, message_id, *more, status=AckStatus.SUCCESS)

    async def message_failed(self, transfer_id: str, message_id: str, *more: str) -> None:
        """Acknowledge an event, or several: the data could not be imported, and will not be."""
        await self._acknowledge(transfer_id, message_id, *more, status=AckStatus.FAILED)

    async def add_log(self, transfer_id: str, message: str) -> None:
        """Add a line of at most 65,536 characters to the progress log the customer sees."""
        await self._transport.call(cloud_calls.log_message(transfer_id, message))

    async def _acknowledge(self, transfer_id: str, *message_ids: str, status: AckStatus) -> None:
        exchange = self._transport.exchange
        await self._transport.run(
            cloud_calls.acknowledge(exchange, transfer_id, message_ids, status)
        )
