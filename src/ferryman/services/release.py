"""Fair shares: of each app only a window of messages is in the queue at a time.

A message is a row first. Whatever makes room in an app's window releases the next in the same
transaction. Two transactions that miss each other's rows could leave one waiting with room to
spare; the workers look for those every second (:func:`rescue`).
"""

from uuid import UUID

from ferryman.domain import message as rules
from ferryman.domain.limits import RELEASE_WINDOW
from ferryman.errors import not_found
from ferryman.functions.routes import FunctionRoute, Route
from ferryman.services.platform import Platform
from ferryman.services.routing import no_way, routes_of
from ferryman.store import app as apps
from ferryman.store import message as messages
from ferryman.store import queue
from ferryman.store.app import App
from ferryman.store.database import Transaction
from ferryman.store.message import StoredMessage
from ferryman.vocab import EventType, Lane


async def release(tx: Transaction, app_id: UUID) -> None:
    """Put waiting messages of an app into the queue, as far as its window has room."""
    for message_id, attempts in await messages.release(tx, app_id, RELEASE_WINDOW):
        await queue.enqueue_delivery(tx, message_id, attempts + 1)


async def unpark(tx: Transaction, app_id: UUID) -> None:
    """The app's definition changed: what waited for an address goes on, if there is one now.

    To be called after the change, in its transaction. Whoever parks a message holds the app as
    it was read (:func:`park`), so that neither misses the other.
    """
    app = await apps.by_id(tx, app_id)
    if app is not None and routes_of(app, EventType.UPLOADED):
        await messages.unpark(tx, app_id)
        await release(tx, app_id)


async def park(tx: Transaction, message: StoredMessage) -> tuple[Route, ...]:
    """Let a message wait until its app registers an address; the ways, if it just did."""
    app = await apps.by_id_shared(tx, message.app_id)
    if app is None:
        raise not_found("app", message.app_id)
    routes = routes_of(app, message.event_type)
    if not routes:
        await messages.park(tx, message.message_id, no_way(app))
        await release(tx, message.app_id)
    return routes


async def enter(tx: Transaction, message: StoredMessage) -> bool:
    """Whether a message whose job is due may go on; a retry takes its place in the window.

    Without room it waits for its turn like a new one, and needs this job no more.
    """
    if message.lane is Lane.DEFERRED:
        room = await messages.released(tx, message.app_id) < RELEASE_WINDOW
        await messages.set_lane(tx, message.message_id, Lane.RELEASED if room else Lane.WAITING)
        return room
    return message.lane is Lane.RELEASED


async def needs_place_of(platform: Platform, message_id: UUID, number: int) -> App | None:
    """The app, if attempt ``number`` is to call one of its functions, and so needs a place.

    To be asked before waiting for one: a retry enters the window here, so no more jobs than
    that wait for the places of one app, however many of its messages failed.
    """
    async with platform.database.transaction() as tx:
        message = await messages.lock(tx, message_id)
        app = None if message is None else await apps.by_id(tx, message.app_id)
        if message is None or app is None:
            return None
        if rules.begin_attempt(message.state, number).number is None:
            return None
        if not await enter(tx, message):
            return None
        routes = routes_of(app, message.event_type)
    return app if any(isinstance(route, FunctionRoute) for route in routes) else None


async def rescue(platform: Platform) -> None:
    """Release whatever waits although there is room."""
    async with platform.database.transaction() as tx:
        for app_id in await messages.apps_with_waiting(tx):
            await release(tx, app_id)
