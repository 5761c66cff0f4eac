"""Customers, who own migrations, sites and mappings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ferryman.store.database import SQL, Transaction


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """A customer by its key."""

    customer: str
    created_at: datetime
    expunged_at: datetime | None = None
    """Since when its data is being deleted."""


async def by_key(tx: Transaction, customer: str) -> CustomerRow | None:
    """Return a customer, or None; it is not deleted before the transaction ends."""
    return _customer(await SQL.customer_by_key(tx.connection, customer=customer))


async def insert(tx: Transaction, customer: str) -> CustomerRow | None:
    """Add a customer; None if there is one with that key."""
    return _customer(await SQL.insert_customer(tx.connection, customer=customer, now=tx.now))


async def page(
    tx: Transaction, *, customers: Sequence[str] | None = None, after: str = "", size: int
) -> list[CustomerRow]:
    """Return up to ``size`` customers, out of ``customers`` (None: all), by key after ``after``."""
    rows = SQL.customer_page(tx.connection, after=after, customers=customers, size=size)
    known = [_customer(row) async for row in rows]
    return [customer for customer in known if customer is not None]


def _customer(row: Any) -> CustomerRow | None:
    return None if row is None else CustomerRow(**row)
