"""What only Connect apps send and get (connect-rest)."""

from typing import Any

import msgspec

from ferryman.vocab import ConnectEventType, ReportedStatus, TransferStatus
from ferryman.wire.base import Wire
from ferryman.wire.migration import MigrationDetails


class Webhooks(Wire, frozen=True):
    """The whole set of an app's addresses; an empty list clears it."""

    endpoints: list[str]


class ProgressReport(Wire, frozen=True, omit_defaults=True):
    """``POST progress/{transferId}``, and its answer."""

    status: ReportedStatus
    percent: int | None = None
    message: str | None = None


class Feedback(Wire, frozen=True):
    """``POST feedback/{transferId}``: whatever the server app is to know."""

    details: dict[str, Any]


class DataItem(Wire, frozen=True, omit_defaults=True):
    """One file; ``label`` is absent when none was given."""

    s3_key: str
    label: str | msgspec.UnsetType = msgspec.UNSET


class ConnectDetails(MigrationDetails, frozen=True):
    """``migrationDetails`` as Connect apps get them; no product gives a client key here."""

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
    """One running transfer of ``GET transfer/recent``."""

    migration_details: ConnectDetails
    transfer_id: str
    status: TransferStatus
