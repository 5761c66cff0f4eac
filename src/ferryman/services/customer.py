"""Customers: make and list them, and find out which one a call is for (ADR 0064)."""

import re
from collections.abc import Sequence

from ferryman import refusals
from ferryman.clock import epoch_ms
from ferryman.domain.access import PLATFORM, WHOLE, Actor, Reach
from ferryman.domain.limits import ADMIN_PAGE, LABEL_CHARACTERS
from ferryman.services import audit
from ferryman.services.platform import (
    Platform,
    check_text,
    decode_cursor,
    encode_cursor,
    page_size,
)
from ferryman.store import customer as customer_store
from ferryman.store import purge as purge_store
from ferryman.store.customer import CustomerRow
from ferryman.store.database import Transaction
from ferryman.store.purge import Whose
from ferryman.wire.customer import CustomerExport, CustomerPage, CustomerRequest, CustomerView

_KEY = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")


async def create(
    platform: Platform, request: CustomerRequest, by: Actor = PLATFORM
) -> CustomerView:
    """Add a customer; raise :class:`Conflict` (``customer_exists``) if there is one of that key."""
    if _KEY.fullmatch(request.customer) is None:
        raise refusals.customer.KEY_INVALID(customer=request.customer)
    async with platform.database.transaction() as tx:
        made = await customer_store.insert(tx, request.customer)
        if made is None:
            raise refusals.customer.EXISTS(customer=request.customer)
        await audit.record(tx, by, "create_customer", made.customer, customer=made.customer)
    return _view(made)


async def begin_export(platform: Platform, customer: str, by: Actor = PLATFORM) -> CustomerExport:
    """Note that the export of a customer's data begins; the data is read by ordinary calls.

    Raises :class:`NotFound` (``customer_not_found``) for a customer that the caller may not see.
    """
    async with platform.database.transaction() as tx:
        await _visible(tx, by.reach, customer)
        unsettled = await purge_store.live_transfers(tx, Whose(customer=customer))
        await audit.record(tx, by, "export_customer", customer, customer=customer)
    return CustomerExport(customer=customer, at=epoch_ms(tx.now), unsettled=unsettled)


async def page(
    platform: Platform, by: Actor = PLATFORM, *, cursor: str | None = None, size: int | None = None
) -> CustomerPage:
    """Return a page of the customers that a caller may see, by key."""
    limit = page_size(size, default=100, greatest=ADMIN_PAGE)
    after = decode_cursor(cursor, "customers") or ""
    check_text("cursor", after, longest=LABEL_CHARACTERS)
    async with platform.database.reading() as tx:
        rows = await customer_store.page(
            tx, customers=by.reach.customers, after=after, size=limit + 1
        )
    items = [_view(row) for row in rows[:limit]]
    more = len(rows) > limit
    return CustomerPage(
        items=items, next_cursor=encode_cursor(items[-1].customer, "customers") if more else None
    )


async def check_known(tx: Transaction, customers: Sequence[str]) -> None:
    """Refuse keys of no customer; raises :class:`NotFound` (``customer_not_found``)."""
    for customer in customers:
        await _visible(tx, WHOLE, customer)


async def of_call(tx: Transaction, by: Actor, given: str | None) -> str:
    """Return the customer that a call is for: the given one, or the only one of the caller.

    Raises :class:`NotFound` (``customer_not_found``) for one that the caller may not see, and
    :class:`Invalid` (``customer_missing``) if none is given and the caller has several.
    """
    if given is None:
        customers = await customer_store.page(tx, customers=by.reach.customers, size=2)
        if len(customers) != 1:
            raise refusals.customer.MISSING()
        given = customers[0].customer
    return await _visible(tx, by.reach, given)


async def narrowed(tx: Transaction, reach: Reach, customer: str | None) -> Reach:
    """Return the part of a caller's reach that belongs to the customer a list is filtered by."""
    if customer is None:
        return reach
    return reach.of_customer(await _visible(tx, reach, customer))


async def _visible(tx: Transaction, reach: Reach, customer: str) -> str:
    fits = _KEY.fullmatch(customer) is not None and reach.has_customer(customer)
    row = await customer_store.by_key(tx, customer) if fits else None
    if row is None or row.expunged_at is not None:
        raise refusals.customer.NOT_FOUND(id=customer)
    return customer


def _view(row: CustomerRow) -> CustomerView:
    return CustomerView(customer=row.customer, created_at=epoch_ms(row.created_at))
