"""List transfers of all migrations by page."""

from dataclasses import astuple, dataclass
from functools import partial
from uuid import UUID

from ferryman import refusals
from ferryman.clock import epoch_ms
from ferryman.domain import transfer as transfer_rules
from ferryman.domain.access import PLATFORM, Actor, Reach
from ferryman.domain.limits import ADMIN_PAGE
from ferryman.services import app as app_service
from ferryman.services import customer as customer_service
from ferryman.services import reach as reach_service
from ferryman.services.platform import (
    Platform,
    encode_cursor,
    instant,
    page_size,
    parse_id,
    row_of_cursor,
)
from ferryman.store import migration as migration_store
from ferryman.store import transfer_list as transfer_list_store
from ferryman.store.database import Transaction
from ferryman.store.transfer_list import Listed, Position, TransferFilter
from ferryman.vocab import IdKind, TransferStatus
from ferryman.wire.transfer import TransferPage, TransferSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferQuery:
    """A filter of transfers; ``since`` and ``to`` are epoch milliseconds of their creation."""

    status: TransferStatus | None = None
    app: str | None = None
    migration_id: str | None = None
    since: int | None = None
    to: int | None = None
    customer: str | None = None


async def page(
    platform: Platform,
    query: TransferQuery,
    by: Actor = PLATFORM,
    *,
    cursor: str | None,
    size: int | None,
) -> TransferPage:
    """Return a page of matching transfers, newest first; raise for an unknown app or migration."""
    limit = page_size(size, default=100, greatest=ADMIN_PAGE)
    cursor_key = ("transfers", *astuple(query), by.reach)
    async with platform.database.transaction() as tx:
        choice = await _choice(tx, query, by.reach)
        before = await row_of_cursor(cursor, partial(_place, tx, by.reach), *cursor_key)
        rows = await transfer_list_store.page(tx, choice, before=before, size=limit + 1)
    more = len(rows) > limit
    last = rows[limit - 1].stored.transfer_id if more else None
    return TransferPage(
        items=[_summary(row) for row in rows[:limit]],
        next_cursor=encode_cursor(str(last), *cursor_key) if more else None,
    )


async def _place(tx: Transaction, reach: Reach, transfer_id: UUID) -> Position | None:
    if not await reach_service.is_visible(tx, reach, IdKind.TRANSFER, transfer_id):
        return None
    return await transfer_list_store.place(tx, transfer_id)


async def _choice(tx: Transaction, query: TransferQuery, reach: Reach) -> TransferFilter:
    reach = await customer_service.narrowed(tx, reach, query.customer)
    app = None if query.app is None else await app_service.find(tx, query.app, reach)
    migration_id = None
    if query.migration_id is not None:
        migration_id = parse_id(refusals.migration.NOT_FOUND, query.migration_id)
        await reach_service.check_in(tx, reach, IdKind.MIGRATION, query.migration_id)
        if await migration_store.by_id(tx, migration_id) is None:
            raise refusals.migration.NOT_FOUND(id=query.migration_id)
    return TransferFilter(
        status=query.status,
        app_id=None if app is None else app.app_id,
        migration_id=migration_id,
        since=instant(query.since),
        until=instant(query.to),
        customers=reach.customers,
        apps=reach.apps,
    )


def _summary(row: Listed) -> TransferSummary:
    stored, state = row.stored, row.stored.state
    limit = None if state.status.final else transfer_rules.deadline(state)
    original = stored.original_transfer_id
    return TransferSummary(
        transfer_id=str(stored.transfer_id),
        original_transfer_id=None if original is None else str(original),
        migration_details=stored.details,
        cloud_app_key=stored.cloud_app_key,
        environment=stored.environment,
        transfer_name=stored.transfer_name,
        status=state.status,
        progress=state.progress,
        files=state.files,
        bytes=stored.bytes,
        created_at=epoch_ms(row.created_at),
        started_at=None if state.started_at is None else epoch_ms(state.started_at),
        deadline=None if limit is None else epoch_ms(limit.at),
        settled_at=None if state.settled_at is None else epoch_ms(state.settled_at),
    )
