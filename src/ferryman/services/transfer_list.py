"""List transfers of all migrations by page."""

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from ferryman.archive_vocab import Archived
from ferryman.clock import epoch_ms
from ferryman.domain import attention
from ferryman.domain import transfer as transfer_rules
from ferryman.domain.access import PLATFORM, Actor, Reach
from ferryman.domain.limits import ADMIN_PAGE, LABEL_CHARACTERS
from ferryman.services import customer as customer_service
from ferryman.services import list_filter, shared_count
from ferryman.services.keyset import decode_place, encode_place
from ferryman.services.platform import Platform, check_text, instant, page_size
from ferryman.store import listing
from ferryman.store import transfer_list as transfer_list_store
from ferryman.store.database import Transaction
from ferryman.store.transfer_list import Listed, Position, TransferFilter
from ferryman.vocab import FailureCause, TransferSort, TransferStatus
from ferryman.wire.transfer import TransferPage, TransferSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferQuery:
    """A filter of transfers; ``since`` and ``to`` are epoch milliseconds of their creation.

    ``app`` is a cloudAppKey, KEY@ENVIRONMENT or an id, ``site`` a URL or a host. Each word of
    ``text`` begins a word of the migration's or the transfer's name, the app's key, the site or the
    source. A message of the transfer failed at its last attempt for the ``cause``. Of a migration
    that is named, all are listed, even if it is archived.
    """

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
    archived: Archived = Archived.NO
    sort: TransferSort = TransferSort.NEWEST


async def page(
    platform: Platform,
    query: TransferQuery,
    by: Actor = PLATFORM,
    *,
    cursor: str | None,
    size: int | None,
    count: bool = False,
    max_age: float = 0,
) -> TransferPage:
    """Return a page of matching transfers; raise for an unknown app, migration or customer.

    A great total may be ``max_age`` seconds old.
    """
    limit = page_size(size, default=100, greatest=ADMIN_PAGE)
    cursor_key = ("transfers", query, by.reach)
    place = decode_place(cursor, *cursor_key)
    async with platform.database.transaction() as tx:
        choice = await chosen(tx, query, by.reach)
        await listing.plan_by_values(tx)
        choice = await transfer_list_store.narrowed(tx, choice)
        rows = await transfer_list_store.page(
            tx, choice, query.sort, after=place and Position(*place), size=limit + 1
        )
        total = None
        if count:
            make = partial(transfer_list_store.total, tx, choice, query.sort)
            total = await shared_count.total(platform, tx, cursor_key, max_age, make)
    more = len(rows) > limit
    last = rows[limit - 1].place if more else None
    return TransferPage(
        items=[summary(row, tx) for row in rows[:limit]],
        next_cursor=encode_place(last.at, last.transfer_id, *cursor_key) if last else None,
        total=None if total is None else total.number,
        approximate=total is not None and not total.exact,
    )


async def chosen(tx: Transaction, query: TransferQuery, reach: Reach) -> TransferFilter:
    """Return the filter of a query, limited to what the caller may see."""
    check_text("text", query.text or "", longest=LABEL_CHARACTERS)
    reach = await customer_service.narrowed(tx, reach, query.customer)
    return TransferFilter(
        status=query.status,
        app_ids=await list_filter.app_ids(tx, reach, query.app, query.environment),
        migration_id=await list_filter.migration_id(tx, reach, query.migration_id),
        scope_ids=await list_filter.scope_ids(tx, reach, query.site),
        since=instant(query.since),
        until=instant(query.to),
        customers=reach.customers,
        text=query.text,
        cause=query.cause,
        stuck_at=tx.now if query.stuck else None,
        archived=None if query.migration_id else list_filter.archived(query.archived),
    )


def summary(row: Listed, tx: Transaction) -> TransferSummary:
    """Return a transfer as lists show it at the time of the transaction."""
    stored, state = row.stored, row.stored.state
    limit = None if state.status.final else transfer_rules.deadline(state)
    return TransferSummary(
        transfer_id=str(stored.transfer_id),
        original_transfer_id=_text(stored.original_transfer_id),
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
        customer=row.customer,
        source_id=row.source_id,
        kind=state.kind,
        acknowledged=state.succeeded + state.failed,
        failed=state.failed,
        deadline_moved_by=None if limit is None else limit.moved_by,
        deadline_passed=attention.overdue_share(state, tx.now),
        stuck=is_stuck(row, tx),
        agent=row.claimed_by,
        released_at=None if stored.released_at is None else epoch_ms(stored.released_at),
        paused_at=None if state.paused_at is None else epoch_ms(state.paused_at),
        archived_at=None if row.archived_at is None else epoch_ms(row.archived_at),
    )


def is_stuck(row: Listed, tx: Transaction) -> bool:
    """Return whether nothing moves a transfer; the statement's filter says the same."""
    stored = row.stored
    return attention.is_stalled(stored.state, tx.now) or attention.is_unclaimed(
        stored.state,
        released_at=stored.released_at,
        claims=stored.claims,
        waits=bool(stored.depends_on),
        now=tx.now,
    )


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)
