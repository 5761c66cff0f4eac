"""List transfers page by page."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from ferryman.store.database import SQL, Transaction
from ferryman.store.transfer import StoredTransfer, stored_transfer
from ferryman.vocab import TransferStatus

_END = datetime(9999, 1, 1).astimezone()
_LAST = UUID(int=(1 << 128) - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferFilter:
    """Criteria for transfers, combined with AND; ``since`` is inclusive, ``until`` exclusive."""

    status: TransferStatus | None = None
    app_id: UUID | None = None
    migration_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    customers: Sequence[str] | None = None
    apps: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """A transfer's position in the list, used as a cursor."""

    created_at: datetime
    transfer_id: UUID


@dataclass(frozen=True, slots=True)
class Listed:
    """A transfer and its creation time."""

    stored: StoredTransfer
    created_at: datetime


async def place(tx: Transaction, transfer_id: UUID) -> Position | None:
    """Return the place of a transfer, or None if there is none with this id."""
    at = await SQL.transfer_created(tx.connection, transfer_id=transfer_id)
    return None if at is None else Position(at, transfer_id)


async def page(
    tx: Transaction, choice: TransferFilter, *, before: Position | None, size: int
) -> list[Listed]:
    """Return up to ``size`` matching transfers created before ``before``, newest first."""
    before = before or Position(_END, _LAST)
    rows = SQL.transfer_page(
        tx.connection,
        before_at=before.created_at,
        before_id=before.transfer_id,
        size=size,
        **asdict(choice),
    )
    listed = [(stored_transfer(row), row["created_at"]) async for row in rows]
    return [Listed(stored, at) for stored, at in listed if stored is not None]
