"""List attempts of all transfers, and agents, by page."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from ferryman import refusals
from ferryman.domain.access import PLATFORM, Actor
from ferryman.domain.limits import ADMIN_PAGE, CLAIM_SILENCE, LABEL_CHARACTERS
from ferryman.services import customer as customer_service
from ferryman.services import list_filter
from ferryman.services.platform import (
    Platform,
    check_text,
    decode_cursor,
    encode_cursor,
    instant,
    page_size,
)
from ferryman.store import attempt_list as attempt_list_store
from ferryman.store import listing
from ferryman.store.attempt_list import AttemptFilter, Place
from ferryman.vocab import AttemptOutcome, FailureCause, ListSort
from ferryman.wire.attempt import AgentPage, AttemptPage

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptQuery:
    """A filter of attempts; ``since`` and ``to`` are epoch milliseconds of their start."""

    outcome: AttemptOutcome | None = None
    cause: FailureCause | None = None
    status_code: int | None = None
    transfer_id: str | None = None
    migration_id: str | None = None
    app: str | None = None
    environment: str | None = None
    site: str | None = None
    since: int | None = None
    to: int | None = None
    text: str | None = None
    customer: str | None = None
    sort: ListSort = ListSort.NEWEST


async def page(
    platform: Platform,
    wanted: AttemptQuery,
    by: Actor = PLATFORM,
    *,
    cursor: str | None = None,
    size: int | None = None,
) -> AttemptPage:
    """Return a page of attempts that have ended."""
    limit = page_size(size, default=100, greatest=ADMIN_PAGE)
    check_text("text", wanted.text or "", longest=LABEL_CHARACTERS)
    query = ("attempts", wanted, by.reach)
    after = _place(decode_cursor(cursor, *query), cursor)
    async with platform.database.transaction() as tx:
        reach = await customer_service.narrowed(tx, by.reach, wanted.customer)
        choice = AttemptFilter(
            app_ids=await list_filter.app_ids(tx, reach, wanted.app, wanted.environment),
            transfer_id=await list_filter.transfer_id(tx, reach, wanted.transfer_id),
            migration_id=await list_filter.migration_id(tx, reach, wanted.migration_id),
            scope_ids=await list_filter.scope_ids(tx, reach, wanted.site),
            outcome=wanted.outcome,
            cause=wanted.cause,
            status=wanted.status_code,
            text=wanted.text,
            since=instant(wanted.since),
            until=instant(wanted.to),
            customers=reach.customers,
        )
        await listing.plan_by_values(tx)
        found = await attempt_list_store.page(tx, choice, wanted.sort, after=after, size=limit + 1)
    last = found[limit - 1][1] if len(found) > limit else None
    return AttemptPage(
        items=[entry for entry, _ in found[:limit]],
        next_cursor=encode_cursor(_text(last), *query) if last else None,
    )


async def agents(
    platform: Platform,
    by: Actor = PLATFORM,
    *,
    app: str | None = None,
    environment: str | None = None,
    customer: str | None = None,
    text: str | None = None,
    stuck: bool = False,
    cursor: str | None = None,
    size: int | None = None,
) -> AgentPage:
    """Return a page of agents, by app; ``stuck``: only those that fell silent in a transfer."""
    limit = page_size(size, default=100, greatest=ADMIN_PAGE)
    check_text("text", text or "", longest=LABEL_CHARACTERS)
    query = ("agents", app, environment, customer, text, stuck, by.reach)
    app_id, _, agent = (decode_cursor(cursor, *query) or f"{UUID(int=0)}.").partition(".")
    try:
        after = UUID(app_id), check_text("cursor", agent, longest=LABEL_CHARACTERS)
    except ValueError:
        raise refusals.request.CURSOR_INVALID(cursor=cursor) from None
    async with platform.database.reading() as tx:
        reach = await customer_service.narrowed(tx, by.reach, customer)
        found = await attempt_list_store.agents(
            tx,
            customers=reach.customers,
            app_ids=await list_filter.app_ids(tx, reach, app, environment),
            text=text,
            silent=CLAIM_SILENCE if stuck else None,
            after=after,
            size=limit + 1,
        )
    last = found[limit - 1] if len(found) > limit else None
    return AgentPage(
        items=found[:limit],
        next_cursor=encode_cursor(f"{last.app_id}.{last.agent}", *query) if last else None,
    )


def _text(place: Place) -> str:
    at, message_id, number = place
    return f"{(at - _EPOCH) // timedelta(microseconds=1)}.{message_id}.{number}"


def _place(text: str | None, cursor: str | None) -> Place | None:
    if text is None:
        return None
    try:
        at, message_id, number = text.split(".")
        place = _EPOCH + timedelta(microseconds=int(at)), UUID(message_id), int(number)
    except (ValueError, OverflowError):
        raise refusals.request.CURSOR_INVALID(cursor=cursor) from None
    if not 0 <= place[2] < 1 << 31:
        raise refusals.request.CURSOR_INVALID(cursor=cursor)
    return place
