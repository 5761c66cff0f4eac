"""List migrations by page."""

from dataclasses import dataclass
from functools import partial

from ferryman.archive_vocab import Archived
from ferryman.domain.access import PLATFORM, Actor, Reach
from ferryman.domain.limits import ADMIN_PAGE, LABEL_CHARACTERS
from ferryman.services import customer as customer_service
from ferryman.services import list_filter, shared_count
from ferryman.services import migration as migration_service
from ferryman.services.keyset import decode_place, encode_place
from ferryman.services.platform import Platform, check_text, instant, page_size
from ferryman.store import listing
from ferryman.store import migration_list as migration_list_store
from ferryman.store.database import Transaction
from ferryman.store.migration_list import MigrationFilter
from ferryman.vocab import ListSort, TransferStatus
from ferryman.wire.migration import MigrationPage


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationQuery:
    """A filter of migrations; ``since`` and ``to`` are epoch milliseconds of their creation.

    ``name`` is a part of the name; each word of ``text`` begins a word of it. ``app`` is a
    cloudAppKey, KEY@ENVIRONMENT or id, and ``site`` a URL or a host. Status, app, environment and
    ``stuck`` are those of one transfer that was not re-run.
    """

    name: str | None = None
    text: str | None = None
    app: str | None = None
    environment: str | None = None
    status: TransferStatus | None = None
    stuck: bool = False
    site: str | None = None
    since: int | None = None
    to: int | None = None
    customer: str | None = None
    archived: Archived = Archived.NO
    sort: ListSort = ListSort.NEWEST


async def page(
    platform: Platform,
    wanted: MigrationQuery | None = None,
    by: Actor = PLATFORM,
    *,
    cursor: str | None = None,
    size: int | None = None,
    count: bool = False,
    max_age: float = 0,
) -> MigrationPage:
    """Return a page of migrations with their transfers; a great total is ``max_age`` s old."""
    limit = page_size(size, default=50, greatest=ADMIN_PAGE)
    wanted = wanted or MigrationQuery()
    query = ("migrations", wanted, by.reach)
    place = decode_place(cursor, *query)
    async with platform.database.transaction() as tx:
        choice = await _choice(tx, wanted, by.reach)
        await listing.plan_by_values(tx)
        choice = await migration_list_store.narrowed(tx, choice)
        found = await migration_list_store.page(
            tx, choice, wanted.sort, after=place, size=limit + 1
        )
        items = await migration_service.views(tx, found[:limit])
        total = None
        if count:
            make = partial(migration_list_store.total, tx, choice)
            total = await shared_count.total(platform, tx, query, max_age, make)
    last = found[limit - 1] if len(found) > limit else None
    return MigrationPage(
        items=items,
        next_cursor=encode_place(last.created_at, last.migration_id, *query) if last else None,
        total=None if total is None else total.number,
        approximate=total is not None and not total.exact,
    )


async def _choice(tx: Transaction, wanted: MigrationQuery, reach: Reach) -> MigrationFilter:
    check_text("name", wanted.name or "", longest=LABEL_CHARACTERS)
    check_text("text", wanted.text or "", longest=LABEL_CHARACTERS)
    reach = await customer_service.narrowed(tx, reach, wanted.customer)
    return MigrationFilter(
        name=wanted.name,
        text=wanted.text,
        status=wanted.status,
        app_ids=await list_filter.app_ids(tx, reach, wanted.app, wanted.environment),
        stuck_at=tx.now if wanted.stuck else None,
        scope_ids=await list_filter.scope_ids(tx, reach, wanted.site),
        since=instant(wanted.since),
        until=instant(wanted.to),
        customers=reach.customers,
        archived=list_filter.archived(wanted.archived),
    )
