"""The migration API for Forge apps, synchronous."""

from collections.abc import Iterator

from ferryman.sdk import cloud_calls
from ferryman.sdk.cloud_calls import AppData, AppDataListResponse
from ferryman.sdk.cloud_client import CloudClient
from ferryman.sdk.errors import MigrationAPIError
from ferryman.sdk.http import HttpTransport
from ferryman.sdk.operation import setting
from ferryman.vocab import AckStatus


class Migration(CloudClient):
    """What a Forge app may ask of the platform. Safe to use from several threads.

    ``url`` and ``token`` default to ``FERRYMAN_URL`` and ``FERRYMAN_TOKEN``, which the platform
    sets for its functions. Calls that fail for reasons that pass (no connection, 408, 429, 5xx)
    are repeated for ``patience`` seconds. All raise ``MigrationAPIError``. Example::

        migration = Migration()
        with migration.get_app_data_payload(event["key"]) as payload:
            load(payload.json())
        migration.message_processed(event["transferId"], event["messageId"])
    """

    def __init__(
        self, url: str | None = None, token: str | None = None, *, patience: float = 15.0
    ) -> None:
        transport = HttpTransport(
            setting(url, "FERRYMAN_URL"),
            setting(token, "FERRYMAN_TOKEN"),
            patience=patience,
            error=MigrationAPIError,
        )
        super().__init__(transport, cloud_calls.FORGE)

    def get_app_data_list(self, transfer_id: str) -> AppDataListResponse:
        """List the files of a transfer, all in memory; ``iter_app_data`` takes less."""
        exchange = self._transport.exchange
        return self._transport.run(cloud_calls.app_data_list(exchange, transfer_id))

    def iter_app_data(self, transfer_id: str) -> Iterator[AppData]:
        """Yield the files of a transfer, reading a page of at most 1,000 when it is needed."""
        page = self._transport.call(cloud_calls.app_data_page(transfer_id, None))
        yield from page.results
        while page.next_cursor is not None:
            page = self._transport.call(cloud_calls.app_data_page(transfer_id, page.next_cursor))
            yield from page.results

    def message_processed(self, transfer_id: str, message_id: str, *more: str) -> None:
        """Acknowledge an event, or several: the data is imported. Repeating is harmless."""
        self._acknowledge(transfer_id, message_id, *more, status=AckStatus.SUCCESS)

    def message_failed(self, transfer_id: str, message_id: str, *more: str) -> None:
        """Acknowledge an event, or several: the data could not be imported, and will not be."""
        self._acknowledge(transfer_id, message_id, *more, status=AckStatus.FAILED)

    def add_log(self, transfer_id: str, message: str) -> None:
        """Add a line of at most 65,536 characters to the progress log the customer sees."""
        self._transport.call(cloud_calls.log_message(transfer_id, message))

    def _acknowledge(self, transfer_id: str, *message_ids: str, status: AckStatus) -> None:
        exchange = self._transport.exchange
        self._transport.run(cloud_calls.acknowledge(exchange, transfer_id, message_ids, status))
