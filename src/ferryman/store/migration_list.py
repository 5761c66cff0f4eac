"""List migrations page by page."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from ferryman.store import listing
from ferryman.store.database import SQL, Transaction
from ferryman.store.listing import FEW, Total
from ferryman.store.migration import MigrationRow, migration_row
from ferryman.vocab import ListSort, TransferStatus

_LEAST_PART = 3
"""Characters of a part of a name from which on an index finds it."""

_END = datetime(9999, 1, 1).astimezone()
_BEGINNING = datetime(1, 1, 2).astimezone()


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationFilter:
    """Criteria, combined with AND.

    ``status``, ``app_ids`` and ``stuck_at`` must match the same transfer, which was not re-run.
    ``archived``: only those, or only others.
    """

    name: str | None = None
    text: str | None = None
    status: TransferStatus | None = None
    app_ids: Sequence[UUID] | None = None
    stuck_at: datetime | None = None
    scope_ids: Sequence[UUID] | None = None
    since: datetime | None = None
    until: datetime | None = None
    customers: Sequence[str] | None = None
    among: Sequence[UUID] | None = None
    archived: bool | None = None


async def narrowed(tx: Transaction, choice: MigrationFilter) -> MigrationFilter:
    """Look up scopes, rare words and statuses, so that the list reads just what has them."""
    if choice.customers is not None:
        scopes = await SQL.scopes_of_customers(
            tx.connection, customers=list(choice.customers), most=FEW
        )
        if scopes is not None:
            own = {each for each in scopes if each}
            wanted = own if choice.scope_ids is None else own.intersection(choice.scope_ids)
            choice = replace(choice, customers=None, scope_ids=list(wanted))
    found: list[set[UUID]] = []
    if choice.text is not None:
        of_text = await SQL.migrations_of_text(tx.connection, text=choice.text, most=FEW)
        if of_text is not None:
            found.append({each for each in of_text if each})
            choice = replace(choice, text=None)
    if choice.name is not None and len(choice.name) >= _LEAST_PART:
        of_name = await SQL.migrations_of_name(tx.connection, name=choice.name, most=FEW)
        if of_name is not None:
            found.append({each for each in of_name if each})
            choice = replace(choice, name=None)
    if choice.status or choice.app_ids is not None or choice.stuck_at:
        values = _values(choice)
        asked = {name: values[name] for name in ("status", "app_id", "app_ids", "stuck_at")}
        of_transfers = await SQL.migrations_of_transfers(tx.connection, most=FEW, **asked)
        if of_transfers is not None:
            found.append({each for each in of_transfers if each})  # a superset
    return replace(choice, among=list(set.intersection(*found))) if found else choice


async def page(
    tx: Transaction,
    choice: MigrationFilter,
    sort: ListSort,
    *,
    after: tuple[datetime, UUID] | None,
    size: int,
) -> list[MigrationRow]:
    """Return up to ``size`` matching migrations after a place of that order."""
    if after is None:
        newest = sort is ListSort.NEWEST
        after = (_END, UUID(int=(1 << 128) - 1)) if newest else (_BEGINNING, UUID(int=0))
    rows = SQL.migration_page(
        tx.connection, sort=sort, at=after[0], id=after[1], size=size, **_values(choice)
    )
    return [migration_row(row) async for row in rows]


async def total(tx: Transaction, choice: MigrationFilter) -> Total:
    """Return the number of migrations in the list."""
    return await listing.total(tx, SQL.migration_total, _values(choice))


def _values(choice: MigrationFilter) -> dict[str, Any]:
    return listing.alone(asdict(choice))
