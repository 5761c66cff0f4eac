"""List messages of all transfers by page."""

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from ferryman.clock import epoch_ms
from ferryman.domain.access import PLATFORM, Actor, Reach
from ferryman.domain.limits import ADMIN_PAGE, LABEL_CHARACTERS
from ferryman.services import customer as customer_service
from ferryman.services import list_filter, shared_count
from ferryman.services.platform import (
    Platform,
    check_text,
    decode_position,
    encode_cursor,
    instant,
    page_size,
)
from ferryman.store import app as app_store
from ferryman.store import listing, message_view
from ferryman.store import message_list as message_list_store
from ferryman.store.database import Transaction
from ferryman.store.message_list import MessageListFilter
from ferryman.vocab import (
    Acknowledged,
    EventType,
    FailureCause,
    GroupedBy,
    ListSort,
    MessageState,
)
from ferryman.wire.message_group import MessageGroups, MessageGroupView
from ferryman.wire.transfer import MessagePage

_GROUPS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageListQuery:
    """A filter of messages; ``since`` and ``to`` are epoch milliseconds of their creation.

    ``cause`` and ``status_code`` are those of the last attempt. The label of the message's file
    begins with ``text``, or the last error has all its words.
    """

    state: MessageState | None = None
    acknowledgement: Acknowledged | None = None
    event_type: EventType | None = None
    transfer_id: str | None = None
    migration_id: str | None = None
    app: str | None = None
    environment: str | None = None
    site: str | None = None
    cause: FailureCause | None = None
    status_code: int | None = None
    since: int | None = None
    to: int | None = None
    text: str | None = None
    stuck: bool = False
    customer: str | None = None
    sort: ListSort = ListSort.OLDEST


async def page(
    platform: Platform,
    wanted: MessageListQuery,
    by: Actor = PLATFORM,
    *,
    cursor: str | None = None,
    size: int | None = None,
    count: bool = False,
    max_age: float = 0,
) -> MessagePage:
    """Return a page of matching messages with their attempts.

    A great total may be ``max_age`` seconds old.
    """
    limit = page_size(size, default=100, greatest=ADMIN_PAGE)
    query = ("messages of all", wanted, by.reach)
    position = decode_position(cursor, *query) or None
    # Those that were given up have always been counted.
    count = count or (wanted.state is MessageState.UNDELIVERED and cursor is None)
    async with platform.database.transaction() as tx:
        choice = await chosen(tx, wanted, by.reach)
        await listing.plan_by_values(tx)
        choice = await message_list_store.narrowed(tx, choice)
        found = await message_list_store.page(
            tx, choice, wanted.sort, position=position, size=limit + 1
        )
        items = await message_view.views(tx, found[:limit])
        total = None
        if count:
            make = partial(message_list_store.total, tx, choice)
            total = await shared_count.total(platform, tx, query, max_age, make)
    more = len(found) > limit
    return MessagePage(
        items=items,
        next_cursor=encode_cursor(str(found[limit - 1].position), *query) if more else None,
        total=None if total is None else total.number,
        approximate=total is not None and not total.exact,
    )


async def groups(
    platform: Platform,
    wanted: MessageListQuery,
    grouped: GroupedBy,
    by: Actor = PLATFORM,
    *,
    max_age: float = 0,
) -> MessageGroups:
    """Count matching messages by one of their properties; of more than 10,000, count a sample.

    With many messages, the counts may be ``max_age`` seconds old.
    """
    async with platform.database.transaction() as tx:
        choice = await chosen(tx, wanted, by.reach)
        key = "groups of", wanted, grouped, by.reach
        age = shared_count.age_of(listing.EXACT, max_age)
        kept: MessageGroups | None = platform.answer_cache.get(key, tx.now, age)
        if kept is not None and kept.approximate:
            return kept
        await listing.plan_by_values(tx)
        choice = await message_list_store.narrowed(tx, choice)
        total = await message_list_store.total(tx, choice)
        found = await message_list_store.groups(tx, choice, grouped, size=_GROUPS)
        ids = {UUID(each.value) for each in found if grouped is GroupedBy.APP and each.value}
        apps = {
            str(each.app_id): f"{each.cloud_app_key}@{each.environment}"
            for each in await app_store.by_ids(tx, ids)
        }
        now = tx.now
    made = MessageGroups(
        items=[
            MessageGroupView(
                value=apps.get(each.value or "", each.value),
                number=each.number,
                oldest=epoch_ms(each.oldest),
                newest=epoch_ms(each.newest),
                message_id=str(each.message_id),
            )
            for each in found
        ],
        total=total.number,
        approximate=not total.exact,
        more=len(found) == _GROUPS,
    )
    platform.answer_cache.put(key, now, made)
    return made


async def chosen(tx: Transaction, wanted: MessageListQuery, reach: Reach) -> MessageListFilter:
    """Return the filter of a query, limited to what the caller may see."""
    text = check_text("text", wanted.text or "", longest=LABEL_CHARACTERS) or None
    reach = await customer_service.narrowed(tx, reach, wanted.customer)
    return MessageListFilter(
        app_ids=await list_filter.app_ids(tx, reach, wanted.app, wanted.environment),
        transfer_id=await list_filter.transfer_id(tx, reach, wanted.transfer_id),
        migration_id=await list_filter.migration_id(tx, reach, wanted.migration_id),
        scope_ids=await list_filter.scope_ids(tx, reach, wanted.site),
        state=wanted.state,
        event_types=None if wanted.event_type is None else [wanted.event_type],
        acknowledgement=wanted.acknowledgement,
        since=instant(wanted.since),
        until=instant(wanted.to),
        cause=wanted.cause,
        status=wanted.status_code,
        label=None if text is None else list_filter.beginning(text),
        text=text,
        stuck_at=tx.now if wanted.stuck else None,
        customers=reach.customers,
    )
