"""List notices by page, limited to what the caller may see."""

from dataclasses import dataclass

from ferryman.clock import epoch_ms
from ferryman.domain.access import PLATFORM, Actor
from ferryman.domain.limits import ADMIN_PAGE
from ferryman.notice_vocab import NoticeKind
from ferryman.services import app as app_service
from ferryman.services import customer as customer_service
from ferryman.services.keyset import decode_place, encode_place
from ferryman.services.platform import Platform, page_size
from ferryman.store import notice as notice_store
from ferryman.store.notice import NoticeFilter, NoticeRow
from ferryman.wire.notice import NoticePage, NoticeView


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeQuery:
    """A filter of notices; ``open`` is whether the trouble lasts, ``app`` as lists take it."""

    kind: NoticeKind | None = None
    customer: str | None = None
    app: str | None = None
    open: bool | None = None


async def page(
    platform: Platform,
    query: NoticeQuery,
    by: Actor = PLATFORM,
    *,
    cursor: str | None,
    size: int | None,
) -> NoticePage:
    """Return a page of notices, newest first; raise for an unknown customer or app.

    A caller limited to some customers or apps gets no notices about the platform itself.
    """
    limit = page_size(size, default=100, greatest=ADMIN_PAGE)
    cursor_key = ("notices", query, by.reach)
    place = decode_place(cursor, *cursor_key)
    async with platform.database.reading() as tx:
        reach = await customer_service.narrowed(tx, by.reach, query.customer)
        app = None if query.app is None else await app_service.find(tx, query.app, reach)
        choice = NoticeFilter(
            kind=query.kind,
            customers=reach.customers,
            apps=reach.apps,
            app=None if app is None else app.cloud_app_key,
            environment=None if app is None else app.environment,
            open=query.open,
        )
        rows = await notice_store.page(tx, choice, after=place, size=limit + 1)
    last = rows[limit - 1] if len(rows) > limit else None
    return NoticePage(
        items=[view(row) for row in rows[:limit]],
        next_cursor=encode_place(last.noticed_at, last.notice_id, *cursor_key) if last else None,
    )


def view(row: NoticeRow) -> NoticeView:
    """Return a notice as the admin surface shows it, and as webhooks get it."""
    return NoticeView(
        notice_id=str(row.notice_id),
        kind=row.kind,
        customer=row.customer,
        cloud_app_key=row.cloud_app_key,
        environment=row.environment,
        transfer_id=None if row.transfer_id is None else str(row.transfer_id),
        migration_name=row.migration_name,
        found=row.found,
        fix=row.fix,
        link=row.link,
        cause=row.cause,
        count=row.count,
        began_at=epoch_ms(row.began_at),
        noticed_at=epoch_ms(row.noticed_at),
        ended_at=None if row.ended_at is None else epoch_ms(row.ended_at),
    )
