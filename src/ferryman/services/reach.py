"""Hide from a caller what belongs to others: it looks exactly like something that does not exist.

Owners never change, so an id may be checked before the use case that takes it begins.
"""

from collections.abc import Mapping
from uuid import UUID

from ferryman import refusals
from ferryman.domain.access import Reach
from ferryman.errors import NotFound
from ferryman.refusals import Refusal
from ferryman.services.platform import Platform, parse_id
from ferryman.store import reach as reach_store
from ferryman.store.database import Transaction
from ferryman.vocab import IdKind

_NOT_FOUND: Mapping[IdKind, Refusal[NotFound]] = {
    IdKind.MIGRATION: refusals.migration.NOT_FOUND,
    IdKind.TRANSFER: refusals.transfer.NOT_FOUND,
    IdKind.MESSAGE: refusals.message.NOT_FOUND,
}


async def check(platform: Platform, reach: Reach, kind: IdKind, text: str) -> None:
    """Refuse a thing that the caller may not see as one that does not exist."""
    if reach.whole:
        return
    async with platform.database.reading() as tx:
        await check_in(tx, reach, kind, text)


async def check_in(tx: Transaction, reach: Reach, kind: IdKind, text: str) -> None:
    """Like :func:`check`, in an open transaction."""
    if reach.whole:
        return
    not_found = _NOT_FOUND[kind]
    if not await is_visible(tx, reach, kind, parse_id(not_found, text)):
        raise not_found(id=text)


async def is_visible(tx: Transaction, reach: Reach, kind: IdKind, thing: UUID) -> bool:
    """Return whether a caller may see a thing; if the reach is whole, it need not exist."""
    if reach.whole:
        return True
    owner = await reach_store.owner(tx, kind, thing)
    return owner is not None and reach.has(owner.customer, owner.app)
