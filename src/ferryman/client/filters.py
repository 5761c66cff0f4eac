"""The filters of lists, by their names on the wire."""

from dataclasses import dataclass, fields

from ferryman.archive_vocab import Archived
from ferryman.vocab import (
    Acknowledged,
    EventType,
    FailureCause,
    ListSort,
    MessageState,
    TransferSort,
    TransferStatus,
)

_WIRE = {
    "app": "cloudAppKey",
    "migration_id": "migrationId",
    "since": "from",
    "transfer_id": "transferId",
    "event_type": "eventType",
    "status_code": "statusCode",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferFilters:
    """Which transfers; ``since`` and ``to`` are epoch milliseconds, ``app`` a key or an id."""

    status: TransferStatus | None = None
    app: str | None = None
    environment: str | None = None
    migration_id: str | None = None
    site: str | None = None
    cause: FailureCause | None = None
    since: int | None = None
    to: int | None = None
    text: str | None = None
    stuck: bool = False
    customer: str | None = None
    archived: Archived | None = None
    sort: TransferSort | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFilters:
    """Which messages; ``since`` and ``to`` are epoch milliseconds, ``app`` a key or an id."""

    state: MessageState | None = None
    acknowledgement: Acknowledged | None = None
    event_type: EventType | None = None
    transfer_id: str | None = None
    migration_id: str | None = None
    app: str | None = None
    environment: str | None = None
    site: str | None = None
    cause: FailureCause | None = None
    status_code: int | None = None
    since: int | None = None
    to: int | None = None
    text: str | None = None
    stuck: bool = False
    customer: str | None = None
    sort: ListSort | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationFilters:
    """Which migrations; ``since`` and ``to`` are epoch milliseconds, ``app`` a key or an id."""

    name: str | None = None
    text: str | None = None
    status: TransferStatus | None = None
    app: str | None = None
    environment: str | None = None
    stuck: bool = False
    site: str | None = None
    since: int | None = None
    to: int | None = None
    customer: str | None = None
    archived: Archived | None = None
    sort: ListSort | None = None


def query_of(
    wanted: TransferFilters | MessageFilters | MigrationFilters,
) -> dict[str, str | int | None]:
    """Return a filter as query parameters; those that are not set are None."""
    given = ((each.name, getattr(wanted, each.name)) for each in fields(wanted))
    return {_WIRE.get(name, name): _text(value) for name, value in given}


def _text(value: str | int | bool | None) -> str | int | None:
    if isinstance(value, bool):
        return "true" if value else None
    return value
