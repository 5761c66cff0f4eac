"""Deliveries as workers see them: claim what is due, then record what came of each attempt.

    claim (transaction) ──▶ send (no transaction) ──▶ record (transaction, in ``attempt``)

A claim says in the database whose a message is before anything leaves. A worker that dies in the
middle leaves its claims; another one finds them (``worker.take_over``), counts the attempts as
lost and tries again. Nothing is claimed once its acknowledgement is committed.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ferryman.figures import Figures
from ferryman.functions.routes import Route, WebhookRoute
from ferryman.services.known_apps import KnownApps, endpoint_of
from ferryman.services.platform import Platform
from ferryman.services.routing import no_way, routes_of
from ferryman.store import app as apps
from ferryman.store import breaker as breakers
from ferryman.store import delivery as deliveries
from ferryman.store.app import App
from ferryman.store.database import Transaction
from ferryman.store.delivery import ClaimedMessage, Entry, Lane
from ferryman.vocab import AppKind, EventType

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Delivery:
    """An attempt that was begun and is now to be made."""

    message: ClaimedMessage
    app: App
    routes: tuple[Route, ...]
    claimed_at: datetime


async def learn(platform: Platform, known: KnownApps, app_ids: Collection[UUID]) -> None:
    """Get to know apps before anything of theirs is claimed."""
    async with platform.database.reading() as tx:
        await known.refresh(tx, app_ids)


async def claim(
    platform: Platform, worker_id: UUID, known: KnownApps, rooms: Mapping[Lane, int]
) -> list[Delivery]:
    """Begin attempts at due messages, at most so many of each lane.

    What waits in a lane that leads nowhere is given up, or parked until its app registers an
    address.
    """
    async with platform.database.transaction() as tx:
        await known.refresh(tx, {lane.app_id for lane in rooms})
        routes = {lane: known.routes(lane) for lane in rooms}
        # In the order of ids, as whoever counts failures holds apps.
        for lane in sorted(rooms, key=lambda lane: lane.app_id):
            if not routes[lane]:
                await _close_lane(tx, lane)
        open_lanes = {lane: room for lane, room in rooms.items() if routes[lane]}
        claimed = await deliveries.claim(tx, worker_id, open_lanes) if open_lanes else []
    _count_claims(platform.figures, claimed, tx.now)
    return [
        Delivery(
            message,
            known.apps[message.lane.app_id],
            _not_reached(routes[message.lane], message.reached),
            tx.now,
        )
        for message in claimed
    ]


async def redefined(tx: Transaction, app_id: UUID) -> None:
    """The app's definition changed: what waited for an address is due, if there is one now.

    What an address failed with that is its no more keeps nothing back. To be called after the
    change, in its transaction. Whoever parks messages or counts failures holds the app as it was
    read, so that neither misses the other.
    """
    app = await apps.by_id(tx, app_id)
    if app is None:
        return
    routes = {event_type: routes_of(app, event_type) for event_type in EventType}
    ways = [
        (url, event_type)
        for event_type, found in routes.items()
        for url in {endpoint_of(route) for route in found}
        if url is not None
    ]
    await breakers.fit(tx, app_id, ways)
    if routes[EventType.UPLOADED]:
        await deliveries.unpark(tx, app_id)
    else:
        await deliveries.tell_workers(tx)


def given_up(message_id: UUID, transfer_id: UUID) -> Entry:
    """The entry of a message that nothing more is tried for."""
    return Entry(transfer_id, "message.undelivered", {"messageId": str(message_id)})


async def _close_lane(tx: Transaction, lane: Lane) -> None:
    app = await apps.by_id_shared(tx, lane.app_id)
    if app is None or routes_of(app, lane.event_type):
        return
    closed = await deliveries.close_lane(
        tx, lane, no_way(app), park=app.kind is AppKind.CONNECT, size=_AT_ONCE
    )
    await deliveries.write(tx, [given_up(*each) for each in closed])


def _not_reached(routes: tuple[Route, ...], reached: Sequence[str]) -> tuple[Route, ...]:
    """The ways that are left to go: a webhook that took the message is not sent it again."""
    if not reached:
        return routes
    return tuple(
        route for route in routes if not (isinstance(route, WebhookRoute) and route.url in reached)
    )


def _count_claims(figures: Figures, claimed: Sequence[ClaimedMessage], now: datetime) -> None:
    figures.shift("ferryman_deliveries_in_flight", len(claimed))
    for message in claimed:
        if message.number == 1:
            waited = (now - message.created_at).total_seconds()
            figures.observe("ferryman_first_attempt_seconds", max(waited, 0.0))
