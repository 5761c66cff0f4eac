"""Events, and the calls by which an app reacts to them."""

import msgspec

from ferryman.vocab import AckStatus, EventType
from ferryman.wire.base import Wire
from ferryman.wire.migration import MigrationDetails


class TransferError(Wire, frozen=True):
    """The error in an ``errored:listener`` event; the trace holds no message text and no values."""

    exception_type: str
    safe_stack_trace: str


class ForgeEvent(Wire, frozen=True, omit_defaults=True):
    """The payload passed to a function or remote (forge-events, Payload)."""

    event_type: EventType
    transfer_id: str
    migration_details: MigrationDetails
    message_id: str
    key: str | msgspec.UnsetType = msgspec.UNSET
    label: str | msgspec.UnsetType = msgspec.UNSET
    transfer_error: TransferError | msgspec.UnsetType = msgspec.UNSET
    server_app_version: str | msgspec.UnsetType = msgspec.UNSET
    original_transfer_id: str | msgspec.UnsetType = msgspec.UNSET
    transfer_status: str | msgspec.UnsetType = msgspec.UNSET
    transfer_name: str | msgspec.UnsetType = msgspec.UNSET


class MessageStatus(Wire, frozen=True):
    """Body of ``POST message/{transferId}/status``."""

    status: AckStatus
    message_ids: list[str]


class LogMessage(Wire, frozen=True):
    """Body of ``POST log/{transferId}``."""

    message: str


class MessageBody(Wire, frozen=True):
    """The event of a message, as the app gets it.

    ``body`` is JSON, unless it was ``cut``: then it is the beginning of ``bytes`` bytes of it.
    """

    message_id: str
    event_type: str
    bytes: int
    body: str
    cut: bool
