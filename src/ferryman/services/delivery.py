"""Claim due messages for delivery.

    claim (transaction) ──▶ send (no transaction) ──▶ record (transaction, in ``attempt``)

A claim records in the database which worker owns a message before anything is sent. If a worker
dies, its claims remain; another worker finds them (``worker.rescue``), counts the attempts as lost
and retries. A message is never claimed once its acknowledgement is committed.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ferryman.functions.routes import FunctionRoute, Route, WebhookRoute
from ferryman.metrics import Metrics
from ferryman.services.app_cache import AppCache, endpoint_of
from ferryman.services.platform import Platform
from ferryman.services.routing import routes_of, why_no_route
from ferryman.store import app as app_store
from ferryman.store import breaker as breaker_store
from ferryman.store import delivery as delivery_store
from ferryman.store import timeline as timeline_store
from ferryman.store.app import AppRow
from ferryman.store.database import Transaction
from ferryman.store.delivery import ClaimedMessage, Lane
from ferryman.store.timeline import TimelineRow
from ferryman.vocab import AppKind, EventType

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Delivery:
    """A claimed message, to be sent along its routes."""

    message: ClaimedMessage
    app: AppRow
    routes: tuple[Route, ...]
    claimed_at: datetime


async def refresh_apps(platform: Platform, cache: AppCache, app_ids: Collection[UUID]) -> None:
    """Refresh apps in the cache before claiming their messages."""
    async with platform.database.reading() as tx:
        await cache.refresh(tx, app_ids)


async def claim(
    platform: Platform, worker_id: UUID, cache: AppCache, quotas: Mapping[Lane, int]
) -> list[Delivery]:
    """Claim due messages, up to the quota of each lane, and return their deliveries.

    Messages of a lane without a route are given up or, for a Connect app, parked until the app
    registers a webhook.
    """
    async with platform.database.transaction() as tx:
        await cache.refresh(tx, {lane.app_id for lane in quotas})
        routes = {lane: cache.routes(lane) for lane in quotas}
        # In the order of ids, in which recording failures locks apps too.
        for lane in sorted(quotas, key=lambda lane: lane.app_id):
            if not routes[lane]:
                await _close_lane(tx, lane)
        open_lanes = {lane: quota for lane, quota in quotas.items() if routes[lane]}
        claimed = await delivery_store.claim(tx, worker_id, open_lanes) if open_lanes else []
    _count_claims(platform.metrics, claimed, tx.now)
    return [
        Delivery(
            message,
            cache.apps[message.lane.app_id],
            _not_reached(routes[message.lane], message.reached),
            tx.now,
        )
        for message in claimed
    ]


async def on_definition_changed(tx: Transaction, app_id: UUID) -> None:
    """Release messages that wait for a route, if the app's new definition has one.

    Failures of addresses that the app no longer uses are cleared. Call this after the change, in
    its transaction. Parking messages and counting failures both lock the app's row, so neither
    misses the change.
    """
    app = await app_store.by_id(tx, app_id)
    if app is None:
        return
    routes = {event_type: routes_of(app, event_type) for event_type in EventType}
    ways = [
        (url, event_type)
        for event_type, endpoints in routes.items()
        # A registration may bring another function of the same name, so that one starts again.
        for url in {
            endpoint_of(route) for route in endpoints if not isinstance(route, FunctionRoute)
        }
    ]
    await breaker_store.sync(tx, app_id, ways)
    if routes[EventType.UPLOADED]:
        await delivery_store.unpark(tx, app_id)
    else:
        await delivery_store.notify_workers(tx)


def given_up(message_id: UUID, transfer_id: UUID) -> TimelineRow:
    """Return the timeline entry of a message that is given up."""
    return TimelineRow(transfer_id, "message.undelivered", {"messageId": str(message_id)})


async def _close_lane(tx: Transaction, lane: Lane) -> None:
    app = await app_store.by_id_shared(tx, lane.app_id)
    if app is None or routes_of(app, lane.event_type):
        return
    closed = await delivery_store.close_lane(
        tx, lane, why_no_route(app), park=_waits(app), size=_AT_ONCE
    )
    await timeline_store.add(tx, [given_up(*closed_lane) for closed_lane in closed])


def _waits(app: AppRow) -> bool:
    """Return whether an app without a route may get one later."""
    return app.removed_at is None and (app.kind is AppKind.CONNECT or app.suspended_at is not None)


def _not_reached(routes: tuple[Route, ...], reached: Sequence[str]) -> tuple[Route, ...]:
    """Return the remaining routes, without webhooks that already took the message."""
    if not reached:
        return routes
    return tuple(
        route for route in routes if not (isinstance(route, WebhookRoute) and route.url in reached)
    )


def _count_claims(metrics: Metrics, claimed: Sequence[ClaimedMessage], now: datetime) -> None:
    metrics.inc("ferryman_deliveries_in_flight", len(claimed))
    for message in claimed:
        if message.number == 1:
            waited = (now - message.created_at).total_seconds()
            metrics.observe("ferryman_first_attempt_seconds", max(waited, 0.0))
