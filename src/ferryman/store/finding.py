"""Find ids by prefix and suffix, and the newest id of each kind."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

from ferryman.domain.access import Reach
from ferryman.store.database import SQL, Transaction
from ferryman.vocab import IdKind
from ferryman.wire.transfer import FoundId

_BETWEEN: dict[IdKind, Callable[..., AsyncIterator[Any]]] = {
    IdKind.TRANSFER: SQL.transfers_between,
    IdKind.MESSAGE: SQL.messages_between,
    IdKind.MIGRATION: SQL.migrations_between,
    IdKind.APP: SQL.apps_between,
}
_NEWEST: dict[IdKind, Callable[..., Awaitable[Any]]] = {
    IdKind.TRANSFER: SQL.newest_transfer,
    IdKind.MESSAGE: SQL.newest_message,
    IdKind.MIGRATION: SQL.newest_migration,
    IdKind.APP: SQL.newest_app,
}


async def between(
    tx: Transaction, kind: IdKind, first: UUID, last: UUID, *, suffix: str, size: int, reach: Reach
) -> list[FoundId]:
    """Return visible ids from ``first`` to ``last`` inclusive that end in ``suffix``, in order."""
    rows = _BETWEEN[kind](
        tx.connection, first=first, last=last, suffix=suffix, size=size, **_limits(kind, reach)
    )
    return [_found_id(row) async for row in rows]


async def newest(tx: Transaction, kind: IdKind, reach: Reach) -> FoundId | None:
    """Return the most recently created visible one, or None."""
    row = await _NEWEST[kind](tx.connection, **_limits(kind, reach))
    return None if row is None else _found_id(row)


def _limits(kind: IdKind, reach: Reach) -> dict[str, Any]:
    # Apps belong to no customer.
    customers = {} if kind is IdKind.APP else {"customers": reach.customers}
    return {"apps": reach.apps, **customers}


def _found_id(row: Any) -> FoundId:
    return FoundId(id=str(row["id"]), name=row["name"])
