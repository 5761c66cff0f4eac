"""Messages of Connect apps only (connect-rest)."""

from typing import Any

import msgspec

from ferryman.vocab import ConnectEventType, ReportedStatus, TransferStatus
from ferryman.wire.base import Wire
from ferryman.wire.migration import MigrationDetails


class Webhooks(Wire, frozen=True):
    """All of an app's webhook URLs; an empty list clears them."""

    endpoints: list[str]


class ProgressReport(Wire, frozen=True, omit_defaults=True):
    """Body of ``POST progress/{transferId}``, and its response."""

    status: ReportedStatus
    percent: int | None = None
    message: str | None = None


class Feedback(Wire, frozen=True):
    """Body of ``POST feedback/{transferId}``: free-form details for the server app."""

    details: dict[str, Any]


class DataItem(Wire, frozen=True, omit_defaults=True):
    """A file; ``label`` is absent if the file has none."""

    s3_key: str
    label: str | msgspec.UnsetType = msgspec.UNSET


class ConnectDetails(MigrationDetails, frozen=True):
    """``migrationDetails`` for Connect apps; no product supplies a client key here."""

    jira_client_key: str = "unknown"
    confluence_client_key: str = "unknown"


class ConnectEvent(Wire, frozen=True, omit_defaults=True):
    """The payload posted to a webhook (connect-webhooks)."""

    cloud_app_key: str
    event_type: ConnectEventType
    transfer_id: str
    migration_details: ConnectDetails
    message_id: str
    s3_key: str | msgspec.UnsetType = msgspec.UNSET
    label: str | msgspec.UnsetType = msgspec.UNSET
    original_transfer_id: str | msgspec.UnsetType = msgspec.UNSET


class RecentTransfer(Wire, frozen=True):
    """A running transfer, as listed by ``GET transfer/recent``."""

    migration_details: ConnectDetails
    transfer_id: str
    status: TransferStatus
