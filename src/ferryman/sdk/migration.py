"""The synchronous clients of cloud apps: ``Migration`` (Forge) and ``ConnectMigration``."""

from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from ferryman.sdk.download import Download
from ferryman.sdk.http import HttpTransport
from ferryman.sdk.operation import setting
from ferryman.sdk.operations import cloud, connect
from ferryman.sdk.operations.cloud import AppData, AppDataListResponse, MappingResponse
from ferryman.sdk.pagination import Builder, ListResults, Result
from ferryman.sdk.payload import Payload
from ferryman.vocab import AckStatus, ContainerType, ReportedStatus
from ferryman.wire.connect import ProgressReport, RecentTransfer
from ferryman.wire.listener import ListenerError

V = TypeVar("V")


class QueryBuilder(Builder[HttpTransport, V], Generic[V]):
    """A paged read: narrow it with ``limit`` and ``cursor``, send it with ``get_…`` or a loop.

    ``for entry in builder`` reads page after page, to the end.
    """

    __slots__ = ()

    def get_one(self) -> Result[V] | None:
        """Return the first entry, or None when there is none."""
        return next(iter(self._transport.call(self._first()).results), None)

    def get_many(self) -> ListResults[V]:
        """Return a page of entries."""
        return self._transport.call(self._page())

    def __iter__(self) -> Iterator[Result[V]]:
        """Yield all entries from the cursor on, reading a page when it is needed."""
        page = self.get_many()
        yield from page.results
        while page.next_cursor is not None:
            page = self.cursor(page.next_cursor).get_many()
            yield from page.results


class CloudClient:
    """Holds the calls that Forge and Connect apps share."""

    def __init__(self, transport: HttpTransport, base: str) -> None:
        self._transport = transport
        self._base = base

    def get_mapping_by_id(
        self, transfer_id: str, namespace: str, keys: Iterable[str]
    ) -> MappingResponse:
        """Translate server ids, any number; one without a mapping is absent from ``result``."""
        exchange = self._transport.exchange
        return self._transport.run(
            cloud.mapping_by_id(exchange, self._base, transfer_id, namespace, keys)
        )

    def get_mappings(self, transfer_id: str, namespace: str) -> QueryBuilder[str]:
        """Read the mappings of a namespace, at most 1,200 a page."""
        query = cloud.mapping_query(self._base, transfer_id, namespace)
        return QueryBuilder(self._transport, query)

    def get_containers(
        self, transfer_id: str, container_type: ContainerType | str
    ) -> QueryBuilder[dict[str, Any]]:
        """Read what the admin selected, of one type, at most 250 a page."""
        query = cloud.container_query(self._base, transfer_id, container_type)
        return QueryBuilder(self._transport, query)

    def get_app_data_url(self, key: str) -> str:
        """Return a signed URL of a file, valid for an hour: whoever has it can read the file."""
        return self._transport.call(cloud.data_url(self._base, key)).url

    def get_app_data_payload(self, key: str) -> Payload:
        """Open a file for reading."""
        download = Download(self._transport.exchange, key, self._base)
        self._transport.run(download.open())
        return Payload(self._transport, download)

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        self._transport.close()

    def __enter__(self) -> Self:
        """Use the client for the length of a block."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self.close()


class Migration(CloudClient):
    """The platform as a Forge app calls it. Safe to use from several threads.

    ``url`` and ``token`` default to ``FERRYMAN_URL`` and ``FERRYMAN_TOKEN``, which the platform
    sets for its functions. Transient failures (no connection, 408, 429, 5xx) are retried for
    ``retry_seconds`` seconds. All calls raise ``MigrationAPIError``. Example::

        migration = Migration()
        with migration.get_app_data_payload(event["key"]) as payload:
            load(payload.json())
        migration.message_processed(event["transferId"], event["messageId"])
    """

    def __init__(
        self, url: str | None = None, token: str | None = None, *, retry_seconds: float = 15.0
    ) -> None:
        transport = HttpTransport(
            setting(url, "FERRYMAN_URL"),
            setting(token, "FERRYMAN_TOKEN"),
            retry_seconds=retry_seconds,
        )
        super().__init__(transport, cloud.FORGE)

    def get_app_data_list(self, transfer_id: str) -> AppDataListResponse:
        """List the files of a transfer, all in memory; ``iter_app_data`` takes less."""
        exchange = self._transport.exchange
        return self._transport.run(cloud.app_data_list(exchange, transfer_id))

    def iter_app_data(self, transfer_id: str) -> Iterator[AppData]:
        """Yield the files of a transfer, reading a page of at most 1,000 when it is needed."""
        page = self._transport.call(cloud.app_data_page(transfer_id, None))
        yield from page.results
        while page.next_cursor is not None:
            page = self._transport.call(cloud.app_data_page(transfer_id, page.next_cursor))
            yield from page.results

    def message_processed(self, transfer_id: str, message_id: str, *more: str) -> None:
        """Acknowledge an event, or several: the data is imported. Repeating is harmless."""
        self._acknowledge(transfer_id, message_id, *more, status=AckStatus.SUCCESS)

    def message_failed(self, transfer_id: str, message_id: str, *more: str) -> None:
        """Acknowledge an event, or several: the data could not be imported, and will not be."""
        self._acknowledge(transfer_id, message_id, *more, status=AckStatus.FAILED)

    def add_log(self, transfer_id: str, message: str) -> None:
        """Add a line of at most 65,536 characters to the progress log the customer sees."""
        self._transport.call(cloud.log_message(transfer_id, message))

    def _acknowledge(self, transfer_id: str, *message_ids: str, status: AckStatus) -> None:
        exchange = self._transport.exchange
        self._transport.run(cloud.acknowledge(exchange, transfer_id, message_ids, status))


class ConnectMigration(CloudClient):
    """The platform as a Connect app calls it. Safe to use from several threads.

    ``app_key`` is the app's ``cloudAppKey``; each request is signed with ``shared_secret``. They
    and ``url`` default to ``FERRYMAN_APP_KEY``, ``FERRYMAN_SHARED_SECRET`` and ``FERRYMAN_URL``;
    a URL that ends in ``/wiki`` calls the same API as Confluence has it. Transient failures
    (no connection, 408, 429, 5xx) are retried for ``retry_seconds`` seconds. All calls raise
    ``MigrationAPIError``. Example::

        migration = ConnectMigration(url, "com.example.notes", shared_secret)
        with migration.get_app_data_payload(event["s3Key"]) as payload:
            load(payload.json())
        migration.report_progress(event["transferId"], "SUCCESS", percent=100)
    """

    def __init__(
        self,
        url: str | None = None,
        app_key: str | None = None,
        shared_secret: str | None = None,
        *,
        retry_seconds: float = 15.0,
    ) -> None:
        # Imported only here, to keep the start of functions fast.
        from ferryman.sdk.signature import ConnectSigner

        signer = ConnectSigner(
            setting(app_key, "FERRYMAN_APP_KEY"), setting(shared_secret, "FERRYMAN_SHARED_SECRET")
        )
        transport = HttpTransport(setting(url, "FERRYMAN_URL"), signer, retry_seconds=retry_seconds)
        super().__init__(transport, connect.CONNECT)

    def get_webhooks(self) -> list[str]:
        """Return the addresses that get the app's events."""
        return self._transport.call(connect.get_webhooks()).endpoints

    def set_webhooks(self, endpoints: Sequence[str]) -> list[str]:
        """Replace all addresses, at most five; returns what the platform keeps."""
        return self._transport.call(connect.set_webhooks(endpoints)).endpoints

    def clear_webhooks(self) -> None:
        """Remove all addresses."""
        self._transport.call(connect.set_webhooks(()))

    def report_progress(
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
        return self._transport.call(report)

    def get_app_data_list(self, transfer_id: str) -> AppDataListResponse:
        """List the files of a transfer."""
        exchange = self._transport.exchange
        return self._transport.run(connect.app_data_list(exchange, transfer_id))

    def get_recent_transfers(self) -> list[RecentTransfer]:
        """Return the app's running transfers, newest first, at most 100."""
        return self._transport.call(connect.recent_transfers())

    def leave_feedback(self, transfer_id: str, details: dict[str, Any]) -> None:
        """Leave something for the server app to read; it replaces what was there."""
        self._transport.call(connect.leave_feedback(transfer_id, details))

    def get_listener_error(self, transfer_id: str) -> ListenerError | None:
        """Return what the listener threw, by class and frames, or None."""
        exchange = self._transport.exchange
        return self._transport.run(connect.listener_error(exchange, transfer_id))
