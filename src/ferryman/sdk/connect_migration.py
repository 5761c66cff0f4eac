"""The migration API for Connect apps, synchronous."""

from collections.abc import Sequence
from typing import Any

from ferryman.sdk import connect_calls
from ferryman.sdk.cloud_calls import AppDataListResponse
from ferryman.sdk.cloud_client import CloudClient
from ferryman.sdk.errors import MigrationAPIError
from ferryman.sdk.http import HttpTransport
from ferryman.sdk.operation import setting
from ferryman.sdk.signature import ConnectSigner
from ferryman.vocab import ReportedStatus
from ferryman.wire.connect import ProgressReport, RecentTransfer
from ferryman.wire.listener import ListenerError


class ConnectMigration(CloudClient):
    """What a Connect app may ask of the platform. Safe to use from several threads.

    ``app_key`` is the app's ``cloudAppKey``; each request is signed with ``shared_secret``. They
    and ``url`` default to ``FERRYMAN_APP_KEY``, ``FERRYMAN_SHARED_SECRET`` and ``FERRYMAN_URL``;
    a URL that ends in ``/wiki`` calls the same API as Confluence has it. Calls that fail for
    reasons that pass (no connection, 408, 429, 5xx) are repeated for ``patience`` seconds. All
    raise ``MigrationAPIError``. Example::

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
        patience: float = 15.0,
    ) -> None:
        signer = ConnectSigner(
            setting(app_key, "FERRYMAN_APP_KEY"), setting(shared_secret, "FERRYMAN_SHARED_SECRET")
        )
        transport = HttpTransport(
            setting(url, "FERRYMAN_URL"), signer, patience=patience, error=MigrationAPIError
        )
        super().__init__(transport, connect_calls.CONNECT)

    def get_webhooks(self) -> list[str]:
        """Return the addresses that get the app's events."""
        return self._transport.call(connect_calls.get_webhooks()).endpoints

    def set_webhooks(self, endpoints: Sequence[str]) -> list[str]:
        """Replace all addresses, at most five; returns what the platform keeps."""
        return self._transport.call(connect_calls.set_webhooks(endpoints)).endpoints

    def clear_webhooks(self) -> None:
        """Remove all addresses."""
        self._transport.call(connect_calls.set_webhooks(()))

    def report_progress(
        self,
        transfer_id: str,
        status: ReportedStatus | str,
        percent: int | None = None,
        message: str | None = None,
    ) -> ProgressReport:
        """Report progress, or settle the transfer by SUCCESS, FAILED or INCOMPLETE.

        ``percent`` is 0 to 100; without it, or with 0, the last one stays, and a lower one has
        the report ignored. Returns the report as it was taken. ``ValueError`` for a status that
        is none.
        """
        report = connect_calls.report_progress(transfer_id, status, percent, message)
        return self._transport.call(report)

    def get_app_data_list(self, transfer_id: str) -> AppDataListResponse:
        """List the files of a transfer."""
        exchange = self._transport.exchange
        return self._transport.run(connect_calls.app_data_list(exchange, transfer_id))

    def get_recent_transfers(self) -> list[RecentTransfer]:
        """Return the app's running transfers, newest first, at most 100."""
        return self._transport.call(connect_calls.recent_transfers())

    def leave_feedback(self, transfer_id: str, details: dict[str, Any]) -> None:
        """Leave something for the server app to read; it replaces what was there."""
        self._transport.call(connect_calls.leave_feedback(transfer_id, details))

    def get_listener_error(self, transfer_id: str) -> ListenerError | None:
        """Return what the listener threw, by class and frames, or None."""
        exchange = self._transport.exchange
        return self._transport.run(connect_calls.listener_error(exchange, transfer_id))
