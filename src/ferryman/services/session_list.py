"""List the sessions of the console, and end one."""

from functools import partial

from ferryman import refusals
from ferryman.clock import epoch_ms, wall_now
from ferryman.domain.access import OPERATOR, PLATFORM, Actor
from ferryman.domain.limits import ADMIN_PAGE
from ferryman.domain.person import Person
from ferryman.services import audit
from ferryman.services.platform import Platform, encode_cursor, page_size, parse_id, row_of_cursor
from ferryman.store import console_session as session_store
from ferryman.store.console_session import ListedSession
from ferryman.wire.session import SessionPage, SessionView


async def page(platform: Platform, *, cursor: str | None, size: int | None) -> SessionPage:
    """Return a page of the sessions that have not ended, oldest first."""
    limit = page_size(size, default=100, greatest=ADMIN_PAGE)
    async with platform.database.transaction() as tx:
        after = await row_of_cursor(cursor, partial(session_store.by_id, tx), "sessions")
        rows = await session_store.page(tx, after=after, size=limit + 1, now=wall_now())
    items = [_view(row) for row in rows[:limit]]
    more = len(rows) > limit
    return SessionPage(
        items=items, next_cursor=encode_cursor(items[-1].session_id, "sessions") if more else None
    )


async def end(platform: Platform, session_id: str, by: Actor = PLATFORM) -> SessionView:
    """End a session; every replica refuses it within 5 seconds."""
    wanted = parse_id(refusals.sign_in.SESSION_NOT_FOUND, session_id)
    async with platform.database.transaction() as tx:
        listed = await session_store.listed(tx, wanted, wall_now())
        if listed is None or not await session_store.end(tx, wanted, wall_now()):
            raise refusals.sign_in.SESSION_NOT_FOUND(id=session_id)
        view = _view(listed)
        before = {"name": view.name, "role": view.role, "method": view.method}
        await audit.record(tx, by, "end_session", wanted, before=before)
    return view


def _view(row: ListedSession) -> SessionView:
    session = row.session
    of = session.of
    name = of.actor.name if isinstance(of, Person) else row.name or OPERATOR.name
    return SessionView(
        session_id=str(session.session_id),
        name=name,
        method=session.method,
        role=row.role or OPERATOR.role,
        customers=row.customers,
        apps=row.apps,
        address=session.address,
        created_at=epoch_ms(session.created_at),
        expires_at=epoch_ms(session.expires_at),
    )
