"""The migration API for Connect apps, asynchronous: the calls of ``ConnectMigration``, awaited."""

from collections.abc import Sequence
from typing import Any

from ferryman.sdk import connect_calls
from ferryman.sdk.aio import AsyncHttpTransport
from ferryman.sdk.async_cloud_client import AsyncCloudClient
from ferryman.sdk.cloud_calls import AppDataListResponse
from ferryman.sdk.errors import MigrationAPIError
from ferryman.sdk.operation import setting
from ferryman.sdk.signature import ConnectSigner
from ferryman.vocab import ReportedStatus
from ferryman.wire.connect import ProgressReport, RecentTransfer
from ferryman.wire.listener import ListenerError


class AsyncConnectMigration(AsyncCloudClient):
    """What a Connect app may ask of the platform; see ``ConnectMigration``. One loop at a time.

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
        patience: float = 15.0,
    ) -> None:
        signer = ConnectSigner(
            setting(app_key, "FERRYMAN_APP_KEY"), setting(shared_secret, "FERRYMAN_SHARED_SECRET")
        )
        transport = AsyncHttpTransport(
            setting(url, "FERRYMAN_URL"), signer, patience=patience, error=MigrationAPIError
        )
        super().__init__(transport, connect_calls.CONNECT)

    async def get_webhooks(self) -> list[str]:
        """Return the addresses that get the app's events."""
        return (await self._transport.call(connect_calls.get_webhooks())).endpoints

    async def set_webhooks(self, endpoints: Sequence[str]) -> list[str]:
        """Replace all addresses, at most five; returns what the platform keeps."""
        return (await self._transport.call(connect_calls.set_webhooks(endpoints))).endpoints

    async def clear_webhooks(self) -> None:
        """Remove all addresses."""
        await self._transport.call(connect_calls.set_webhooks(()))

    async def report_progress(
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
        return await self._transport.call(report)

    async def get_app_data_list(self, transfer_id: str) -> AppDataListResponse:
        """List the files of a transfer."""
        exchange = self._transport.exchange
        return await self._transport.run(connect_calls.app_data_list(exchange, transfer_id))

    async def get_recent_transfers(self) -> list[RecentTransfer]:
        """Return the app's running transfers, newest first, at most 100."""
        return await self._transport.call(connect_calls.recent_transfers())

    async def leave_feedback(self, transfer_id: str, details: dict[str, Any]) -> None:
        """Leave something for the server app to read; it replaces what was there."""
        await self._transport.call(connect_calls.leave_feedback(transfer_id, details))

    async def get_listener_error(self, transfer_id: str) -> ListenerError | None:
        """Return what the listener threw, by class and frames, or None."""
        exchange = self._transport.exchange
        return await self._transport.run(connect_calls.listener_error(exchange, transfer_id))
