"""Build the payload of an event, in the form for the app's kind."""

from typing import Any
from uuid import UUID

import msgspec

from ferryman.store.app import AppRow
from ferryman.store.transfer import StoredTransfer
from ferryman.vocab import AppKind, ConnectEventType, EventType
from ferryman.wire.connect import ConnectDetails, ConnectEvent
from ferryman.wire.message import ForgeEvent
from ferryman.wire.migration import MigrationDetails


def payload_of(
    app: AppRow,
    stored: StoredTransfer,
    event_type: EventType,
    message_id: UUID,
    extra: dict[str, Any],
) -> ForgeEvent | ConnectEvent:
    """Return an event as the app receives it; ``extra`` holds the fields of uploads and errors."""
    build = _connect if app.kind is AppKind.CONNECT else _forge
    return build(app, stored, event_type, message_id, extra)


def connect_details(details: MigrationDetails) -> ConnectDetails:
    """Return the details of a migration as Connect apps receive them."""
    return ConnectDetails(**msgspec.structs.asdict(details))


def _connect(
    app: AppRow,
    stored: StoredTransfer,
    event_type: EventType,
    message_id: UUID,
    extra: dict[str, Any],
) -> ConnectEvent:
    return ConnectEvent(
        cloud_app_key=app.cloud_app_key,
        event_type=ConnectEventType[event_type.name],
        transfer_id=str(stored.transfer_id),
        migration_details=connect_details(stored.details),
        message_id=str(message_id),
        s3_key=extra.get("key", msgspec.UNSET),
        label=extra.get("label", msgspec.UNSET),
        original_transfer_id=_original(stored),
    )


def _forge(
    _app: AppRow,
    stored: StoredTransfer,
    event_type: EventType,
    message_id: UUID,
    extra: dict[str, Any],
) -> ForgeEvent:
    status = stored.state.status.value if event_type is EventType.SETTLED else msgspec.UNSET
    return ForgeEvent(
        event_type=event_type,
        transfer_id=str(stored.transfer_id),
        migration_details=stored.details,
        message_id=str(message_id),
        server_app_version=stored.server_app_version,
        original_transfer_id=_original(stored),
        transfer_status=status,
        transfer_name=msgspec.UNSET if stored.transfer_name is None else stored.transfer_name,
        **extra,
    )


def _original(stored: StoredTransfer) -> str | msgspec.UnsetType:
    original = stored.original_transfer_id
    return msgspec.UNSET if original is None else str(original)
