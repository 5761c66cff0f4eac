"""List transfers page by page."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from ferryman.store import listing
from ferryman.store.database import SQL, Transaction
from ferryman.store.listing import FEW, Total
from ferryman.store.transfer import StoredTransfer, stored_transfer
from ferryman.vocab import FailureCause, TransferSort, TransferStatus

_END = datetime(9999, 1, 1).astimezone()
_BEGINNING = datetime(1, 1, 2).astimezone()
_LAST = UUID(int=(1 << 128) - 1)
_FIRST = UUID(int=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferFilter:
    """Criteria for transfers, combined with AND; ``since`` is inclusive, ``until`` exclusive.

    ``stuck_at`` is the time at which a transfer has to be stuck. ``among`` are the only ids that
    may match. ``archived``: only those of archived migrations, or only others.
    """

    status: TransferStatus | None = None
    app_ids: Sequence[UUID] | None = None
    migration_id: UUID | None = None
    scope_ids: Sequence[UUID] | None = None
    since: datetime | None = None
    until: datetime | None = None
    customers: Sequence[str] | None = None
    text: str | None = None
    cause: FailureCause | None = None
    stuck_at: datetime | None = None
    among: Sequence[UUID] | None = None
    archived: bool | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """A transfer's place in a list, used as a cursor: its sort value and its id."""

    at: datetime
    transfer_id: UUID


@dataclass(frozen=True, slots=True)
class Listed:
    """A transfer with what only lists show."""

    stored: StoredTransfer
    created_at: datetime
    customer: str
    source_id: str
    claimed_by: str | None
    archived_at: datetime | None
    place: Position


_START = {
    TransferSort.NEWEST: Position(_END, _LAST),
    TransferSort.SETTLED: Position(_END, _LAST),
    TransferSort.OLDEST: Position(_BEGINNING, _FIRST),
    TransferSort.DEADLINE: Position(_BEGINNING, _FIRST),
}
_COLUMN = {TransferSort.SETTLED: "settled_at", TransferSort.DEADLINE: "deadline"}


async def narrowed(tx: Transaction, choice: TransferFilter) -> TransferFilter:
    """Look up a rare text or cause, so that the list reads just the transfers that have it."""
    found: list[set[UUID]] = []
    if choice.text is not None:
        of_text = await SQL.transfers_of_text(tx.connection, text=choice.text, most=FEW)
        if of_text is not None:
            found.append({each for each in of_text if each})
            choice = replace(choice, text=None)
    if choice.cause is not None:
        of_cause = await SQL.transfers_of_cause(tx.connection, cause=choice.cause, most=FEW)
        if of_cause is not None:
            found.append(
                {each for each in of_cause if each}
            )  # a superset: only the last attempt of a message counts
    return replace(choice, among=list(set.intersection(*found))) if found else choice


async def page(
    tx: Transaction,
    choice: TransferFilter,
    sort: TransferSort,
    *,
    after: Position | None,
    size: int,
) -> list[Listed]:
    """Return up to ``size`` matching transfers after a place of that order."""
    after = after or _START[sort]
    rows = SQL.transfer_page(
        tx.connection,
        sort=sort,
        at=after.at,
        id=after.transfer_id,
        size=size,
        **_values(choice),
    )
    column = _COLUMN.get(sort, "created_at")
    listed = []
    async for row in rows:
        stored = stored_transfer(row)
        if stored is not None:
            listed.append(
                Listed(
                    stored,
                    row["created_at"],
                    row["customer"],
                    row["source_id"],
                    row["claimed_by"],
                    row["archived_at"],
                    Position(row[column], stored.transfer_id),
                )
            )
    return listed


async def total(tx: Transaction, choice: TransferFilter, sort: TransferSort) -> Total:
    """Return the number of transfers in the list."""
    return await listing.total(tx, SQL.transfer_total, {**_values(choice), "sort": sort})


def _values(choice: TransferFilter) -> dict[str, Any]:
    return listing.alone(asdict(choice))
